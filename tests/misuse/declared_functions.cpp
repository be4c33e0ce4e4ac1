// SPDX-License-Identifier: BSD-3-Clause
#include "misuse/declared_functions.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

namespace bdk::test {
namespace {

std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The comment that ends directly before `declaration`; "" if there is none.
std::string comment_before(const std::string& text, size_t declaration) {
    const size_t last = text.find_last_not_of(" \n", declaration - 1);
    if (last == std::string::npos || text.substr(last - 1, 2) != "*/") return {};
    return text.substr(text.rfind("/*", last), last - text.rfind("/*", last));
}

std::string place_in(const std::string& comment) {
    static const std::regex place(R"(\[([^\]]*(?:thread|callback)[^\]]*)\])");
    std::smatch found;
    if (!std::regex_search(comment, found, place)) return {};
    return std::regex_replace(found[1].str(), std::regex(R"(\s*\n\s*\*\s*)"), " ");
}

}  // namespace

std::map<std::string, std::string> declared_functions() {
    static const std::regex declaration(R"(\bBDK_API\b[^;()]*?\b(bdk_\w+)\s*\()");
    std::map<std::string, std::string> functions;
    for (const auto& entry : std::filesystem::directory_iterator(BDEVKIT_INCLUDE_DIR)) {
        if (entry.path().extension() != ".h") continue;
        const std::string text = content_of(entry.path());
        for (std::sregex_iterator it(text.begin(), text.end(), declaration), end; it != end; ++it)
            functions[(*it)[1]] = place_in(comment_before(text, static_cast<size_t>(it->position())));
    }
    return functions;
}

}  // namespace bdk::test
