// SPDX-License-Identifier: BSD-3-Clause
#include "base/symbol.hpp"

#include <cxxabi.h>
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace bdk {
namespace {

std::string demangled(const char* name) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> text(
        abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
    return status == 0 ? text.get() : name;
}

}  // namespace

std::string symbol_name_of(const void* address) {
    Dl_info info{};
    if (address == nullptr || dladdr(address, &info) == 0 || info.dli_fname == nullptr) return "?";
    // The nearest exported symbol names another function, unless it starts here.
    if (info.dli_saddr == address && info.dli_sname != nullptr) return demangled(info.dli_sname);
    std::string_view file = info.dli_fname;
    file.remove_prefix(file.rfind('/') == std::string_view::npos ? 0 : file.rfind('/') + 1);
    char offset[32];
    std::snprintf(
        offset, sizeof(offset), "+0x%zx",
        static_cast<size_t>(static_cast<const char*>(address) - static_cast<char*>(info.dli_fbase)));
    return std::string(file) + offset;
}

}  // namespace bdk
