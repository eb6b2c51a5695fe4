// The keys that tokens are verified with: a shared secret, a JWK, or a JWK set.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct evp_pkey_st;

namespace ticketflow::http {

struct Config;

struct PublicKeyDeleter {
    void operator()(evp_pkey_st *key) const;
};

struct Key {
    std::string id;        // kid, may be empty
    std::string algorithm; // alg, may be empty: then any that fits the type
    std::string type;      // oct, RSA, EC, OKP
    std::string curve;     // of EC and OKP
    std::string secret;    // of oct
    std::shared_ptr<evp_pkey_st> handle; // of the others

    bool fits(std::string_view alg) const;
    // Whether `signature` is this key's over `text`. Never throws; a malformed signature is just false.
    bool verify(std::string_view alg, std::string_view text, std::string_view signature) const;
};

struct KeySet {
    std::vector<Key> keys;
    std::string signing_secret; // of the first symmetric key, for tokens that the service signs
    std::string signing_id;
};

// Reads jwt-secret (and the file it names). Throws ConfigError where it is too short or not a key.
KeySet load_keys(const Config &config);

std::string hmac(std::string_view alg, std::string_view secret, std::string_view text);

} // namespace ticketflow::http
