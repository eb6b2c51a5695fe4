#include "jwk.h"

#include "config.h"
#include "text.h"

#include <boost/json.hpp>
#include <cstring>
#include <fstream>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <sstream>

namespace ticketflow::http {

namespace json = boost::json;

namespace {

constexpr size_t kShortestSecret = 32;
constexpr unsigned kSmallestRsa = 2048;

template <auto Free> struct Deleter {
    template <class T> void operator()(T *value) const { Free(value); }
};
using Bignum = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>>;

const unsigned char *bytes(std::string_view text) { return reinterpret_cast<const unsigned char *>(text.data()); }

const EVP_MD *digest_of(std::string_view alg) {
    return alg.ends_with("256") ? EVP_sha256() : alg.ends_with("384") ? EVP_sha384() : alg.ends_with("512") ? EVP_sha512() : nullptr;
}

std::string member(const json::object &object, const char *name) {
    const auto *value = object.if_contains(name);
    return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::string decoded(const json::object &object, const char *name) {
    auto value = base64url_decode(member(object, name));
    if (!value || value->empty())
        throw ConfigError(std::string("\"jwt-secret\": the JWK has no usable \"") + name + "\"");
    return *value;
}

Bignum number(const std::string &value) { return Bignum(BN_bin2bn(bytes(value), int(value.size()), nullptr)); }

std::shared_ptr<EVP_PKEY> key_from(const char *type, OSSL_PARAM_BLD *builder) {
    Params params(OSSL_PARAM_BLD_to_param(builder));
    KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY *key = nullptr;
    if (!params || !context || EVP_PKEY_fromdata_init(context.get()) <= 0 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) <= 0)
        throw ConfigError(std::string("\"jwt-secret\": OpenSSL refuses the ") + type + " key");
    return {key, PublicKeyDeleter()};
}

std::shared_ptr<EVP_PKEY> rsa_key(const json::object &object) {
    Bignum n = number(decoded(object, "n")), e = number(decoded(object, "e"));
    if (unsigned(BN_num_bits(n.get())) < kSmallestRsa)
        throw ConfigError("\"jwt-secret\": an RSA key needs 2048 bits or more");
    ParamBuilder builder(OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
    OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
    return key_from("RSA", builder.get());
}

std::shared_ptr<EVP_PKEY> ec_key(const json::object &object, const std::string &curve) {
    const char *group = curve == "P-256" ? "prime256v1" : curve == "P-384" ? "secp384r1" : curve == "P-521" ? "secp521r1" : nullptr;
    if (!group)
        throw ConfigError("\"jwt-secret\": unknown curve \"" + curve + "\"; P-256, P-384 and P-521 are known");
    std::string point = "\x04" + decoded(object, "x") + decoded(object, "y");
    ParamBuilder builder(OSSL_PARAM_BLD_new());
    OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
    return key_from("EC", builder.get());
}

std::shared_ptr<EVP_PKEY> edwards_key(const json::object &object, const std::string &curve) {
    if (curve != "Ed25519")
        throw ConfigError("\"jwt-secret\": unknown curve \"" + curve + "\"; Ed25519 is known");
    std::string point = decoded(object, "x");
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(point), point.size());
    if (!key)
        throw ConfigError("\"jwt-secret\": OpenSSL refuses the Ed25519 key");
    return {key, PublicKeyDeleter()};
}

Key key_from_jwk(const json::object &object) {
    Key key{member(object, "kid"), member(object, "alg"), member(object, "kty"), member(object, "crv"), {}, {}};
    if (key.type == "oct") {
        key.secret = decoded(object, "k");
        if (key.secret.size() < kShortestSecret)
            throw ConfigError("\"jwt-secret\": a symmetric JWK needs 32 bytes or more");
    } else if (key.type == "RSA") {
        key.handle = rsa_key(object);
    } else if (key.type == "EC") {
        key.handle = ec_key(object, key.curve);
    } else if (key.type == "OKP") {
        key.handle = edwards_key(object, key.curve);
    } else {
        throw ConfigError("\"jwt-secret\": unknown key type \"" + key.type + "\"; oct, RSA, EC and OKP are known");
    }
    return key;
}

std::string read_secret(const Config &config) {
    std::string secret = config.jwt_secret;
    if (secret.starts_with("@")) {
        std::ifstream in(secret.substr(1), std::ios::binary);
        std::ostringstream contents;
        if (!in || !(contents << in.rdbuf()))
            throw ConfigError("cannot read the file of \"jwt-secret\": " + secret.substr(1) + ": " + std::strerror(errno));
        secret = trim(contents.str());
    }
    if (!config.jwt_secret_base64)
        return secret;
    std::string url(secret.substr(0, secret.find('=')));
    for (char &c : url)
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    auto plain = base64url_decode(url);
    if (!plain)
        throw ConfigError("\"jwt-secret\" is not base64");
    return *plain;
}

// JOSE writes an ECDSA signature as r and s, each of the curve's width; OpenSSL wants DER.
std::string der_signature(std::string_view raw, size_t width) {
    if (raw.size() != 2 * width)
        return {};
    Signature signature(ECDSA_SIG_new());
    BIGNUM *r = BN_bin2bn(bytes(raw), int(width), nullptr), *s = BN_bin2bn(bytes(raw.substr(width)), int(width), nullptr);
    ECDSA_SIG_set0(signature.get(), r, s);
    unsigned char *out = nullptr;
    int length = i2d_ECDSA_SIG(signature.get(), &out);
    std::string der(reinterpret_cast<char *>(out), length > 0 ? size_t(length) : 0);
    OPENSSL_free(out);
    return der;
}

} // namespace

void PublicKeyDeleter::operator()(evp_pkey_st *key) const { EVP_PKEY_free(key); }

// The algorithm is bound to the type of the key, so that a public key is never taken for a shared secret.
bool Key::fits(std::string_view alg) const {
    if (!algorithm.empty() && algorithm != alg)
        return false;
    if (!digest_of(alg) && alg != "EdDSA")
        return false;
    if (type == "oct")
        return alg.starts_with("HS");
    if (type == "RSA")
        return alg.starts_with("RS") || alg.starts_with("PS");
    if (type == "EC")
        return (alg == "ES256" && curve == "P-256") || (alg == "ES384" && curve == "P-384") || (alg == "ES512" && curve == "P-521");
    return type == "OKP" && alg == "EdDSA";
}

bool Key::verify(std::string_view alg, std::string_view text, std::string_view signature) const {
    if (!fits(alg))
        return false;
    if (type == "oct")
        return constant_time_equal(hmac(alg, secret, text), signature);
    std::string der;
    if (type == "EC") {
        der = der_signature(signature, curve == "P-256" ? 32 : curve == "P-384" ? 48 : 66);
        signature = der;
    }
    DigestContext context(EVP_MD_CTX_new());
    EVP_PKEY_CTX *details = nullptr;
    const EVP_MD *digest = type == "OKP" ? nullptr : digest_of(alg);
    if (signature.empty() || EVP_DigestVerifyInit(context.get(), &details, digest, nullptr, handle.get()) <= 0)
        return false;
    if (alg.starts_with("PS") && (EVP_PKEY_CTX_set_rsa_padding(details, RSA_PKCS1_PSS_PADDING) <= 0 ||
                                  EVP_PKEY_CTX_set_rsa_pss_saltlen(details, RSA_PSS_SALTLEN_DIGEST) <= 0))
        return false;
    return EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text), text.size()) == 1;
}

std::string hmac(std::string_view alg, std::string_view secret, std::string_view text) {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    const EVP_MD *digest = digest_of(alg);
    if (!digest || !HMAC(digest, secret.data(), int(secret.size()), bytes(text), text.size(), out, &length))
        return {};
    return {reinterpret_cast<char *>(out), length};
}

KeySet load_keys(const Config &config) {
    KeySet set;
    std::string secret = read_secret(config);
    if (secret.empty())
        return set;
    boost::system::error_code ec;
    json::value parsed = json::parse(secret, ec);
    if (!ec && parsed.is_object()) {
        const auto &object = parsed.as_object();
        const auto *list = object.if_contains("keys");
        if (list && list->is_array()) {
            for (const auto &item : list->as_array())
                if (item.is_object())
                    set.keys.push_back(key_from_jwk(item.as_object()));
        } else {
            set.keys.push_back(key_from_jwk(object));
        }
    } else {
        if (secret.size() < kShortestSecret)
            throw ConfigError("\"jwt-secret\" needs 32 bytes or more; `openssl rand -base64 32` makes one");
        set.keys.push_back({"", "HS256", "oct", "", secret, {}});
    }
    for (const auto &key : set.keys) {
        if (key.type == "oct" && set.signing_secret.empty() && key.fits("HS256")) {
            set.signing_secret = key.secret;
            set.signing_id = key.id;
        }
    }
    return set;
}

} // namespace ticketflow::http
