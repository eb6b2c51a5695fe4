#include "config.h"

#include "text.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

extern char **environ;

namespace ticketflow::http {

namespace {

std::vector<std::string> list_of(std::string_view text) {
    std::vector<std::string> out;
    for (auto part : split(text, ','))
        if (!trim(part).empty())
            out.emplace_back(trim(part));
    return out;
}

std::string value_of(const Config &config, const Option &option) {
    if (auto *member = std::get_if<std::string Config::*>(&option.member))
        return config.*(*member);
    if (auto *member = std::get_if<long long Config::*>(&option.member))
        return std::to_string(config.*(*member));
    return config.*std::get<bool Config::*>(option.member) ? "true" : "false";
}

[[noreturn]] void refuse(const Option &option, std::string_view value, const std::string &expected) {
    throw ConfigError("invalid value \"" + std::string(value) + "\" for \"" + option.name + "\": " + expected);
}

void check_choices(const Option &option, std::string_view value) {
    std::string_view choices = option.choices;
    if (choices.empty())
        return;
    if (auto dots = choices.find(".."); dots != std::string_view::npos) {
        auto number = to_integer(value);
        if (!number || *number < *to_integer(choices.substr(0, dots)) || *number > *to_integer(choices.substr(dots + 2)))
            refuse(option, value, "expected an integer in " + std::string(choices));
        return;
    }
    for (auto choice : split(choices, '|'))
        if (choice == value)
            return;
    refuse(option, value, "expected one of " + std::string(choices));
}

void assign(Config &config, const Option &option, std::string_view value) {
    if (auto *member = std::get_if<bool Config::*>(&option.member)) {
        std::string word = lower(value);
        if (word == "true" || word == "on" || word == "yes" || word == "1")
            config.*(*member) = true;
        else if (word == "false" || word == "off" || word == "no" || word == "0")
            config.*(*member) = false;
        else
            refuse(option, value, "expected true or false");
        return;
    }
    check_choices(option, value);
    if (auto *member = std::get_if<long long Config::*>(&option.member)) {
        auto number = to_integer(value);
        if (!number)
            refuse(option, value, "expected an integer");
        config.*(*member) = *number;
    } else {
        config.*std::get<std::string Config::*>(option.member) = std::string(value);
    }
}

const Option *find_option(std::string_view name) {
    for (const auto &option : config_options())
        if (option.name == name)
            return &option;
    return nullptr;
}

// The value after `name =`: quoted with \" and \\ as escapes, or the bare words before a comment.
std::string unquote(std::string_view text, const std::string &where) {
    text = trim(text);
    if (text.empty() || text.front() != '"')
        return std::string(trim(text.substr(0, text.find('#'))));
    std::string out;
    for (size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size())
            out += text[++i];
        else if (text[i] == '"') {
            auto rest = trim(text.substr(i + 1));
            if (!rest.empty() && rest.front() != '#')
                throw ConfigError(where + ": text after the closing quote");
            return out;
        } else
            out += text[i];
    }
    throw ConfigError(where + ": a quote is not closed");
}

} // namespace

Config::Config() {
    for (const auto &option : config_options())
        assign(*this, option, option.fallback);
}

void Config::set(std::string_view name, std::string_view value) {
    if (name.starts_with("app.settings.") || name.starts_with("app-settings-")) {
        app_settings.emplace_back("app.settings." + std::string(name.substr(13)), value);
        return;
    }
    const Option *option = find_option(name);
    if (!option)
        throw ConfigError("unknown setting \"" + std::string(name) + "\"; `ticketflow check-config --defaults` lists all");
    assign(*this, *option, value);
}

void Config::finish() {
    schemas = list_of(db_schemas);
    extra_path = list_of(db_extra_search_path);
    hoisted = list_of(db_hoisted_settings);
    origins = list_of(cors_origins);
    login_functions = list_of(db_login);
    aliases.clear();
    if (schemas.empty())
        throw ConfigError("\"db-schemas\" names no schema");
    for (const auto &pair : list_of(db_schema_aliases)) {
        auto colon = pair.find(':');
        if (colon == std::string::npos)
            throw ConfigError("\"db-schema-aliases\" needs pairs name:schema, not \"" + pair + "\"");
        aliases[pair.substr(0, colon)] = pair.substr(colon + 1);
    }
    if (tls_certificate.empty() != tls_key.empty())
        throw ConfigError("\"server-tls-certificate\" and \"server-tls-key\" go together");
}

bool Config::is_login(const std::string &schema, const std::string &function) const {
    for (const auto &name : login_functions)
        if (name == schema + "." + function || (name == function && schema == schemas[0]))
            return true;
    return false;
}

void load_config_file(Config &config, const std::string &path) {
    std::ifstream in(path);
    if (!in)
        throw ConfigError("cannot read \"" + path + "\": " + std::strerror(errno));
    std::string line;
    std::set<std::string> seen;
    for (int number = 1; std::getline(in, line); ++number) {
        std::string_view text = trim(line);
        if (text.empty() || text.front() == '#')
            continue;
        std::string where = path + " line " + std::to_string(number);
        auto equals = text.find('=');
        if (equals == std::string_view::npos)
            throw ConfigError(where + ": expected name = value");
        std::string name(trim(text.substr(0, equals)));
        if (!seen.insert(name).second)
            throw ConfigError(where + ": \"" + name + "\" is set twice");
        try {
            config.set(name, unquote(text.substr(equals + 1), where));
        } catch (const ConfigError &error) {
            throw ConfigError(where + ": " + error.what());
        }
    }
}

void load_config_environment(Config &config) {
    for (char **entry = environ; *entry; ++entry) {
        std::string_view text = *entry;
        auto equals = text.find('=');
        for (std::string_view prefix : {"PGRST_", "TICKETFLOW_"}) {
            if (!text.starts_with(prefix) || equals == std::string_view::npos)
                continue;
            std::string name = lower(text.substr(prefix.size(), equals - prefix.size()));
            for (char &c : name)
                c = c == '_' ? '-' : c;
            // Other programs of the project use the prefix as well, so an unknown name is no error.
            if (find_option(name) || name.starts_with("app-settings-"))
                config.set(name, text.substr(equals + 1));
        }
    }
}

Config load_config(const std::string &path, const std::vector<std::string> &overrides) {
    Config config;
    if (!path.empty())
        load_config_file(config, path);
    load_config_environment(config);
    for (const auto &pair : overrides) {
        auto equals = pair.find('=');
        if (equals == std::string::npos)
            throw ConfigError("expected NAME=VALUE, not \"" + pair + "\"");
        config.set(trim(std::string_view(pair).substr(0, equals)), trim(std::string_view(pair).substr(equals + 1)));
    }
    config.finish();
    return config;
}

std::string dump_config(const Config &config) {
    std::string out;
    for (const auto &option : config_options()) {
        std::string value = value_of(config, option);
        bool secret = std::string_view(option.name) == "jwt-secret" || std::string_view(option.name) == "db-uri";
        if (secret && !value.empty() && value[0] != '@')
            value = "(set)";
        bool quoted = std::holds_alternative<std::string Config::*>(option.member);
        std::string escaped;
        for (char c : value) {
            if (c == '"' || c == '\\')
                escaped += '\\';
            escaped += c;
        }
        out += std::string(option.name) + " = " + (quoted ? '"' + escaped + '"' : value) + "\n";
    }
    for (const auto &[name, value] : config.app_settings)
        out += name + " = \"" + value + "\"\n";
    return out;
}

} // namespace ticketflow::http
