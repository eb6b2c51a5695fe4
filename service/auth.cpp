#include "auth.h"

#include <boost/json.hpp>
#include <cmath>
#include <stdexcept>

namespace ticketflow::http {

namespace json = boost::json;

namespace {

constexpr double kSkew = 30;              // seconds that clocks may differ
constexpr size_t kLongestToken = 32768;   // bytes
constexpr double kForever = 1e15;
constexpr double kLatestIssue = 1e11;     // seconds; what lies beyond is no time that PostgreSQL knows

// $.a.b[0]['c'] and the older .a.b; nothing where the path leads nowhere.
const json::value *follow(const json::value &root, std::string_view path) {
    const json::value *at = &root;
    if (path.starts_with("$"))
        path.remove_prefix(1);
    while (at && !path.empty()) {
        std::string key;
        bool index = false;
        if (path[0] == '.') {
            path.remove_prefix(1);
            bool quoted = path.starts_with("\"");
            auto end = quoted ? path.find('"', 1) : path.find_first_of(".[");
            key = quoted ? path.substr(1, end - 1) : path.substr(0, end);
            path = end == std::string_view::npos ? std::string_view() : path.substr(end + quoted);
        } else if (path[0] == '[' && path.find(']') != std::string_view::npos) {
            auto end = path.find(']');
            std::string_view inside = trim(path.substr(1, end - 1));
            index = to_integer(inside).has_value();
            key = index ? inside : inside.substr(1, inside.size() < 2 ? 0 : inside.size() - 2);
            path = path.substr(end + 1);
        } else {
            return nullptr;
        }
        if (index) {
            const auto *array = at->if_array();
            auto position = size_t(*to_integer(key));
            at = array && position < array->size() ? &(*array)[position] : nullptr;
        } else {
            const auto *object = at->if_object();
            at = object ? object->if_contains(key) : nullptr;
        }
    }
    return at;
}

std::optional<double> time_claim(const json::object &claims, const char *name) {
    const auto *value = claims.if_contains(name);
    if (!value || value->is_null())
        return {};
    if (!value->is_number())
        throw failure::bad_claims(std::string("The JWT '") + name + "' claim must be a number");
    double seconds = value->to_number<double>();
    return std::isfinite(seconds) && std::fabs(seconds) < kForever ? seconds : seconds > 0 ? kForever : -kForever;
}

void check_audience(const json::object &claims, const std::string &wanted) {
    const auto *value = claims.if_contains("aud");
    if (!value || value->is_null())
        return;
    bool matches = false, empty = false;
    if (const auto *text = value->if_string()) {
        matches = *text == wanted;
    } else if (const auto *list = value->if_array()) {
        empty = list->empty();
        for (const auto &item : *list) {
            if (!item.is_string())
                throw failure::bad_claims("The JWT 'aud' claim must be a string or an array of strings");
            matches = matches || item.as_string() == wanted;
        }
    } else {
        throw failure::bad_claims("The JWT 'aud' claim must be a string or an array of strings");
    }
    if (!wanted.empty() && !matches && !empty)
        throw failure::bad_claims("JWT not in audience");
}

json::object object_of(std::string_view part) {
    auto text = base64url_decode(part);
    boost::system::error_code ec;
    json::value value = text ? json::parse(*text, ec) : json::value();
    if (!text || ec || !value.is_object())
        throw failure::bad_token("JWT cryptographic operation failed", "A part of the token is not a JSON object in base64url.");
    return value.as_object();
}

std::string text_claim(const json::object &object, const char *name) {
    const auto *value = object.if_contains(name);
    return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

// PostgreSQL's text ends at a NUL, so "ada\u0000x" would sign in as ada.
void check_name(std::string_view value, std::string_view claim) {
    if (value.find('\0') != std::string_view::npos)
        throw failure::bad_claims("The JWT '" + std::string(claim) + "' claim must not hold a NUL character");
}

// The claims of a token whose signature holds.
json::object verified_claims(std::string_view token, const KeySet &keys) {
    auto parts = split(token, '.');
    if (parts.size() != 3)
        throw failure::bad_token("Expected 3 parts in JWT; got " + std::to_string(parts.size()));
    if (keys.keys.empty())
        throw failure::no_secret();
    json::object header = object_of(parts[0]);
    std::string alg = text_claim(header, "alg"), id = text_claim(header, "kid");
    auto signature = base64url_decode(parts[2]);
    std::string_view signed_part = token.substr(0, parts[0].size() + 1 + parts[1].size());
    bool known = false, verified = false;
    if (!header.contains("crit")) // an extension that must be understood, and none is
        for (const auto &key : keys.keys) {
            if (!id.empty() && !key.id.empty() && key.id != id)
                continue;
            known = known || key.fits(alg);
            verified = verified || (signature && key.verify(alg, signed_part, *signature));
        }
    if (!known)
        throw failure::bad_token("Wrong or unsupported encoding algorithm", "No key takes the algorithm of the token.");
    if (!verified)
        throw failure::bad_token("No suitable key or wrong key type", "None of the keys was able to decode the JWT");
    return object_of(parts[1]);
}

void check_times(double expires, double not_before, double now) {
    if (now > expires && now - expires > kSkew)
        throw failure::bad_claims("JWT expired");
    if (not_before > now && not_before - now > kSkew)
        throw failure::bad_claims("JWT not yet valid");
}

} // namespace

Identity Authenticator::anonymous() const {
    if (config_->db_anon_role.empty())
        throw failure::no_anonymous();
    Identity identity;
    identity.role = config_->db_anon_role;
    identity.claims = "{\"role\":" + json_quote(config_->db_anon_role) + "}";
    return identity;
}

const Authenticator::Cached &Authenticator::remember(std::string token, Cached entry) {
    // A full cache forgets whatever is first: every entry can be made again.
    if (cache_.size() >= size_t(std::max(1LL, config_->jwt_cache)))
        cache_.erase(cache_.begin());
    return cache_.insert_or_assign(std::move(token), std::move(entry)).first->second;
}

Identity Authenticator::identify(const Request &request, long long now) {
    if (auto key = request.header("x-api-key"); !key.empty() && !config_->db_authenticate_key.empty())
        return {"", "{}", "", std::string(key), {}, true};
    auto header = request.header("authorization");
    if (header.size() < 6 || !iequals(header.substr(0, 6), "bearer") || (header.size() > 6 && header[6] != ' '))
        return anonymous();
    std::string token(trim(header.substr(6)));
    if (token.empty())
        throw failure::bad_token("Empty JWT is sent in Authorization header");
    if (token.size() > kLongestToken)
        throw failure::bad_token("JWT cryptographic operation failed", "The token is longer than 32768 bytes.");
    if (!config_->db_authenticate_key.empty() && token.find('.') == std::string::npos)
        return {"", "{}", "", token, {}, true};
    if (auto cached = cache_.find(token); cached != cache_.end()) {
        check_times(cached->second.expires, cached->second.not_before, now);
        return cached->second.identity;
    }
    json::object claims = verified_claims(token, *keys_);
    double expires = time_claim(claims, "exp").value_or(kForever);
    double not_before = time_claim(claims, "nbf").value_or(-kForever);
    check_times(expires, not_before, now);
    auto issued = time_claim(claims, "iat");
    if (issued && *issued > now && *issued - now > kSkew)
        throw failure::bad_claims("JWT issued at future");
    if (issued && std::fabs(*issued) > kLatestIssue)
        throw failure::bad_claims("The JWT 'iat' claim is no time");
    check_audience(claims, config_->jwt_audience);

    Identity identity;
    identity.authenticated = true;
    identity.user = text_claim(claims, "sub");
    identity.issued = issued;
    json::value whole(claims);
    const auto *role = follow(whole, config_->jwt_role_claim);
    bool named = role && !(role->is_string() && role->as_string().empty());
    // What is no string names a role as well, one that hardly exists: nobody is let in as anonymous for it.
    identity.role = !named ? config_->db_anon_role : role->is_string() ? std::string(role->as_string()) : json::serialize(*role);
    if (identity.role == "none") // which would be no role at all, but the service's own login
        throw failure::bad_claims("The JWT role claim names no role");
    check_name(identity.user, "sub");
    check_name(identity.role, "role");
    if (identity.role.empty() && config_->db_authenticate.empty())
        throw failure::no_anonymous();
    claims["role"] = identity.role;
    identity.claims = json::serialize(claims);
    if (config_->jwt_cache == 0)
        return identity;
    return remember(std::move(token), {std::move(identity), expires, not_before}).identity;
}

std::string sign_token(std::string_view claims, const KeySet &keys, double now, long long lifetime) {
    boost::system::error_code ec;
    json::value parsed = json::parse(claims, ec);
    if (ec || !parsed.is_object())
        throw std::invalid_argument("claims must be a JSON object");
    if (keys.signing_secret.empty())
        throw std::invalid_argument("no symmetric key is configured to sign with");
    auto &object = parsed.as_object();
    object.emplace("iat", std::floor(now * 1000) / 1000);
    object.emplace("exp", (long long)(now) + lifetime);
    std::string header = "{\"alg\":\"HS256\",\"typ\":\"JWT\"";
    if (!keys.signing_id.empty())
        header += ",\"kid\":" + json_quote(keys.signing_id);
    std::string text = base64url_encode(header + "}") + "." + base64url_encode(json::serialize(parsed));
    return text + "." + base64url_encode(hmac("HS256", keys.signing_secret, text));
}

} // namespace ticketflow::http
