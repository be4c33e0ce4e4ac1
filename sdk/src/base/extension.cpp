// SPDX-License-Identifier: BSD-3-Clause
#include <bdevkit/extension.h>

#include <string_view>

namespace {

constexpr bdk_host_info host_info = {
    .size = sizeof(bdk_host_info),
    .abi_minor = BDK_ABI_MINOR,
    .version = BDEVKIT_VERSION,
};

}  // namespace

const void* bdk_get_extension(const char* name) {
    if (name != nullptr && std::string_view(name) == BDK_EXTENSION_HOST_INFO) return &host_info;
    return nullptr;
}
