// Tokens by every algorithm and key type, and everything that must not pass for one.
#include "auth.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

using namespace ticketflow::http;

namespace {

constexpr long long kNow = 1790000000;
const std::string kSecret = "a secret of more than thirty-two bytes, for tests";

using Pkey = std::shared_ptr<EVP_PKEY>;
Pkey own(EVP_PKEY *key) { return {key, EVP_PKEY_free}; }

Pkey rsa() {
    static Pkey key = own(EVP_RSA_gen(2048));
    return key;
}
Pkey other_rsa() {
    static Pkey key = own(EVP_RSA_gen(2048));
    return key;
}
Pkey curve(const char *name) { return own(EVP_EC_gen(name)); }
Pkey edwards() { return own(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

std::string number(const Pkey &key, const char *name, int width = 0) {
    BIGNUM *value = nullptr;
    EVP_PKEY_get_bn_param(key.get(), name, &value);
    std::string out(size_t(width ? width : BN_num_bytes(value)), '\0');
    BN_bn2binpad(value, reinterpret_cast<unsigned char *>(out.data()), int(out.size()));
    BN_free(value);
    return base64url_encode(out);
}

std::string rsa_jwk(const Pkey &key, const std::string &more) {
    return "{\"kty\":\"RSA\",\"n\":\"" + number(key, OSSL_PKEY_PARAM_RSA_N) + "\",\"e\":\"" + number(key, OSSL_PKEY_PARAM_RSA_E) + "\"" + more + "}";
}
std::string ec_jwk(const Pkey &key, const std::string &crv, int width, const std::string &more) {
    return "{\"kty\":\"EC\",\"crv\":\"" + crv + "\",\"x\":\"" + number(key, OSSL_PKEY_PARAM_EC_PUB_X, width) + "\",\"y\":\"" +
           number(key, OSSL_PKEY_PARAM_EC_PUB_Y, width) + "\"" + more + "}";
}
std::string ed_jwk(const Pkey &key, const std::string &more) {
    unsigned char point[32];
    size_t size = sizeof point;
    EVP_PKEY_get_raw_public_key(key.get(), point, &size);
    return "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" + base64url_encode({reinterpret_cast<char *>(point), size}) + "\"" + more + "}";
}

std::string raw_of_der(const std::string &der, int width) {
    const auto *at = reinterpret_cast<const unsigned char *>(der.data());
    ECDSA_SIG *signature = d2i_ECDSA_SIG(nullptr, &at, long(der.size()));
    std::string out(size_t(2 * width), '\0');
    auto *bytes = reinterpret_cast<unsigned char *>(out.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), bytes, width);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), bytes + width, width);
    ECDSA_SIG_free(signature);
    return out;
}

std::string signature_of(const std::string &alg, const Pkey &key, const std::string &text, int width) {
    const EVP_MD *digest = alg == "EdDSA" ? nullptr : EVP_get_digestbyname(("SHA" + alg.substr(2)).c_str());
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *details = nullptr;
    EVP_DigestSignInit(context, &details, digest, nullptr, key.get());
    if (alg[0] == 'P') {
        EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(details, RSA_PSS_SALTLEN_DIGEST);
    }
    const auto *bytes = reinterpret_cast<const unsigned char *>(text.data());
    size_t size = 0;
    EVP_DigestSign(context, nullptr, &size, bytes, text.size());
    std::string out(size, '\0');
    EVP_DigestSign(context, reinterpret_cast<unsigned char *>(out.data()), &size, bytes, text.size());
    EVP_MD_CTX_free(context);
    out.resize(size);
    return width ? raw_of_der(out, width) : out;
}

struct Signer {
    std::string alg, jwk; // the public half, without the closing brace's neighbours
    std::function<std::string(const std::string &)> sign;
};

std::string signed_token(const Signer &signer, const std::string &claims = "{\"role\":\"agent\"}", const std::string &more = "") {
    std::string text = base64url_encode("{\"alg\":\"" + signer.alg + "\"" + more + "}") + "." + base64url_encode(claims);
    return text + "." + base64url_encode(signer.sign(text));
}

std::vector<Signer> signers() {
    std::vector<Signer> out;
    for (const char *alg : {"HS256", "HS384", "HS512"})
        out.push_back({alg, "{\"kty\":\"oct\",\"k\":\"" + base64url_encode(kSecret) + "\"}",
                       [alg](const std::string &text) { return hmac(alg, kSecret, text); }});
    for (const char *alg : {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
        out.push_back({alg, rsa_jwk(rsa(), ""), [alg](const std::string &text) { return signature_of(alg, rsa(), text, 0); }});
    for (auto [alg, crv, width] : {std::tuple{"ES256", "P-256", 32}, {"ES384", "P-384", 48}, {"ES512", "P-521", 66}}) {
        Pkey key = curve(crv);
        out.push_back({alg, ec_jwk(key, crv, width, ""),
                       [alg = alg, key, width = width](const std::string &text) { return signature_of(alg, key, text, width); }});
    }
    Pkey key = edwards();
    out.push_back({"EdDSA", ed_jwk(key, ""), [key](const std::string &text) { return signature_of("EdDSA", key, text, 0); }});
    return out;
}

// The role that a token gives under `keys` (a secret, a JWK or a set), or the code of the refusal.
std::string role_of(const std::string &token, const std::string &keys) {
    auto config = std::make_shared<Config>();
    config->db_anon_role = "anon";
    config->jwt_secret = keys;
    config->finish();
    Authenticator authenticator(config, std::make_shared<KeySet>(load_keys(*config)));
    Request request;
    request.headers = {{"authorization", "Bearer " + token}};
    try {
        return authenticator.identify(request, kNow).role;
    } catch (const Error &error) {
        return error.code;
    }
}

} // namespace

TEST(HttpJwk, EveryAlgorithmByItsKey) {
    for (const auto &signer : signers())
        EXPECT_EQ(role_of(signed_token(signer), signer.jwk), "agent") << signer.alg;
}

TEST(HttpJwk, ASetHoldsThemAll) {
    std::string set;
    for (const auto &signer : signers())
        set += (set.empty() ? "{\"keys\":[" : ",") + signer.jwk;
    set += "]}";
    // Each signer() call makes new curves, so only the keys that stay the same can be asked again.
    for (const auto &signer : signers())
        if (signer.alg[0] == 'H' || signer.alg[0] == 'R' || signer.alg[0] == 'P') {
            EXPECT_EQ(role_of(signed_token(signer), set), "agent") << signer.alg;
        }
}

TEST(HttpJwk, NoAlgorithmByAnotherKey) {
    auto all = signers();
    for (const auto &signer : all) {
        for (const auto &other : all) {
            bool same_key = signer.jwk == other.jwk;
            if (!same_key) {
                EXPECT_EQ(role_of(signed_token(signer), other.jwk), "PGRST301") << signer.alg << " by the key of " << other.alg;
            }
            // The same signature under another name.
            Signer renamed{other.alg, signer.jwk, signer.sign};
            if (other.alg != signer.alg) {
                EXPECT_EQ(role_of(signed_token(renamed), signer.jwk), "PGRST301") << signer.alg << " called " << other.alg;
            }
        }
    }
}

TEST(HttpJwk, APublicKeyIsNoSecret) {
    std::string modulus = *base64url_decode(number(rsa(), OSSL_PKEY_PARAM_RSA_N));
    for (const std::string &secret : {modulus, rsa_jwk(rsa(), "")}) {
        Signer forger{"HS256", "", [&](const std::string &text) { return hmac("HS256", secret, text); }};
        EXPECT_EQ(role_of(signed_token(forger), rsa_jwk(rsa(), "")), "PGRST301");
    }
}

TEST(HttpJwk, NoneIsNone) {
    for (const char *alg : {"none", "None", "NONE", "", "HS1", "RS1"}) {
        Signer nobody{alg, "", [](const std::string &) { return std::string(); }};
        for (const auto &signer : signers())
            EXPECT_EQ(role_of(signed_token(nobody), signer.jwk), "PGRST301") << alg << " for " << signer.alg;
    }
}

TEST(HttpJwk, DamagedSignatures) {
    for (const auto &signer : signers()) {
        std::string token = signed_token(signer);
        size_t dot = token.rfind('.');
        std::string flipped = token;
        flipped[dot + 5] = flipped[dot + 5] == 'A' ? 'B' : 'A';
        EXPECT_EQ(role_of(flipped, signer.jwk), "PGRST301") << signer.alg;
        EXPECT_EQ(role_of(token.substr(0, dot + 1), signer.jwk), "PGRST301") << signer.alg;
        EXPECT_EQ(role_of(token.substr(0, token.size() - 4), signer.jwk), "PGRST301") << signer.alg;
        EXPECT_EQ(role_of(token + "AAAA", signer.jwk), "PGRST301") << signer.alg;
        std::string text = base64url_encode("{\"alg\":\"" + signer.alg + "\"}") + "." + base64url_encode("{\"role\":\"boss\"}");
        EXPECT_EQ(role_of(text + token.substr(dot), signer.jwk), "PGRST301") << signer.alg;
        // All zeros is a signature that careless ECDSA code accepts.
        EXPECT_EQ(role_of(text + "." + base64url_encode(std::string(64, '\0')), signer.jwk), "PGRST301") << signer.alg;
    }
}

TEST(HttpJwk, AnAlgorithmIsBoundToItsKey) {
    Signer signer = signers()[3];
    ASSERT_EQ(signer.alg, "RS256");
    EXPECT_EQ(role_of(signed_token(signer), rsa_jwk(rsa(), ",\"alg\":\"RS256\"")), "agent");
    EXPECT_EQ(role_of(signed_token(signer), rsa_jwk(rsa(), ",\"alg\":\"RS512\"")), "PGRST301");
}

TEST(HttpJwk, AKeyIdNamesTheOnlyKey) {
    Signer signer = signers()[3];
    std::string set = "{\"keys\":[" + rsa_jwk(rsa(), ",\"kid\":\"a\"") + "," + rsa_jwk(other_rsa(), ",\"kid\":\"b\"") + "]}";
    std::string claims = "{\"role\":\"agent\"}";
    EXPECT_EQ(role_of(signed_token(signer, claims, ",\"kid\":\"a\""), set), "agent");
    EXPECT_EQ(role_of(signed_token(signer, claims, ",\"kid\":\"b\""), set), "PGRST301");
    EXPECT_EQ(role_of(signed_token(signer, claims), set), "agent");
    EXPECT_EQ(role_of(signed_token(signer, claims, ",\"crit\":[\"exp\"]"), set), "PGRST301");
}

TEST(HttpJwk, WeakKeysAreRefused) {
    EXPECT_THROW(role_of("a.b.c", "short"), ConfigError);
    EXPECT_THROW(role_of("a.b.c", "{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}"), ConfigError);
    EXPECT_THROW(role_of("a.b.c", rsa_jwk(own(EVP_RSA_gen(1024)), "")), ConfigError);
    EXPECT_THROW(role_of("a.b.c", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}"), ConfigError);
    EXPECT_THROW(role_of("a.b.c", "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AAAA\"}"), ConfigError);
}

TEST(HttpAuth, TimesNamesAndAudiences) {
    Signer signer = signers()[0];
    auto role = [&](const std::string &claims) { return role_of(signed_token(signer, claims), kSecret); };
    EXPECT_EQ(role("{\"role\":\"agent\",\"exp\":1790000001}"), "agent");
    EXPECT_EQ(role("{\"role\":\"agent\",\"exp\":1789999975}"), "agent"); // clocks differ
    EXPECT_EQ(role("{\"role\":\"agent\",\"exp\":1789999969}"), "PGRST303");
    EXPECT_EQ(role("{\"role\":\"agent\",\"exp\":1e300}"), "agent");
    EXPECT_EQ(role("{\"role\":\"agent\",\"nbf\":1790000031}"), "PGRST303");
    EXPECT_EQ(role("{\"role\":\"agent\",\"iat\":1790000031}"), "PGRST303");
    EXPECT_EQ(role("{\"role\":\"agent\",\"iat\":-1e18}"), "PGRST303");
    EXPECT_EQ(role("{\"role\":\"agent\",\"iat\":\"1\"}"), "PGRST303");
    EXPECT_EQ(role("{\"role\":\"agent\",\"aud\":[\"x\",1]}"), "PGRST303");
    EXPECT_EQ(role("{\"role\":\"agent\",\"sub\":\"ada\\u0000x\"}"), "PGRST303");
    EXPECT_EQ(role("{\"role\":\"agent\\u0000x\"}"), "PGRST303");
    EXPECT_EQ(role("{\"sub\":\"ada\"}"), "anon");
    EXPECT_EQ(role("[]"), "PGRST301");
    EXPECT_EQ(role(""), "PGRST301");
}

TEST(HttpAuth, ARememberedTokenEndsAllTheSame) {
    auto config = std::make_shared<Config>();
    config->db_anon_role = "anon";
    config->jwt_secret = kSecret;
    config->finish();
    Authenticator authenticator(config, std::make_shared<KeySet>(load_keys(*config)));
    Request request;
    request.headers = {{"authorization", "Bearer " + signed_token(signers()[0], "{\"role\":\"agent\",\"exp\":1790000010}")}};
    EXPECT_EQ(authenticator.identify(request, kNow).role, "agent");
    EXPECT_EQ(authenticator.identify(request, kNow + 1).role, "agent");
    EXPECT_THROW(authenticator.identify(request, kNow + 60), Error);
}
