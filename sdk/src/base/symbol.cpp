// SPDX-License-Identifier: BSD-3-Clause
#include "base/symbol.hpp"

#include <cxxabi.h>
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/file_name.hpp"

namespace bdk {
namespace {

std::string demangled(const char* name) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> text(
        abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
    return status == 0 ? text.get() : name;
}

std::string_view file_name(const Dl_info& info) {
    return file_name_of(info.dli_fname);
}

/// "+0x1c"
std::string offset_from(const void* start, const void* address) {
    char offset[32];
    std::snprintf(offset, sizeof(offset), "+0x%zx",
                  static_cast<size_t>(static_cast<const char*>(address) - static_cast<const char*>(start)));
    return offset;
}

bool look_up(const void* address, Dl_info& info) {
    return address != nullptr && dladdr(address, &info) != 0 && info.dli_fname != nullptr;
}

}  // namespace

std::string symbol_name_of(const void* address) {
    Dl_info info{};
    if (!look_up(address, info)) return "?";
    // The nearest exported symbol belongs to another function, unless it starts here.
    if (info.dli_saddr == address && info.dli_sname != nullptr) return demangled(info.dli_sname);
    return std::string(file_name(info)) + offset_from(info.dli_fbase, address);
}

std::string location_of(const void* address) {
    Dl_info info{};
    if (!look_up(address, info)) return "?";
    const std::string place = info.dli_sname == nullptr
                                  ? offset_from(info.dli_fbase, address)
                                  : demangled(info.dli_sname) + offset_from(info.dli_saddr, address);
    return std::string(file_name(info)) + "(" + place + ")";
}

std::string object_stem_of(const void* address) {
    Dl_info info{};
    if (!look_up(address, info)) return "?";
    const std::string_view file = file_name(info);
    return std::string(file.substr(0, file.find('.')));
}

}  // namespace bdk
