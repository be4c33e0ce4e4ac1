// SPDX-License-Identifier: BSD-3-Clause
#include "model/outside_base.hpp"

#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace bdk::test {

std::optional<OutsideBase> outside_base() {
    const char* text = std::getenv("BDEVKIT_MODEL_BASE");
    if (text == nullptr) return std::nullopt;
    OutsideBase base;
    std::istringstream words(text);
    std::string word;
    words >> base.module >> word;
    std::istringstream suffixes(word);
    for (std::string suffix; std::getline(suffixes, suffix, ',');)
        base.suffixes.push_back(suffix);
    while (words >> word) {
        const size_t equals = word.find('=');
        if (equals == std::string::npos) break;
        base.options.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    }
    if (base.suffixes.empty() || words)
        throw std::runtime_error(
            "BDEVKIT_MODEL_BASE: expected such as 'nvme n1,n2 address=/dev/nvme0', got '" +
            std::string(text) + "'");
    return base;
}

}  // namespace bdk::test
