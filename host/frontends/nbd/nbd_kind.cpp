// SPDX-License-Identifier: BSD-3-Clause
// The kind of frontend `nbd`: its options in the stack file.
#include <cstddef>

#include "frontends/nbd/nbd_config.hpp"
#include "frontends/nbd/nbd_protocol.hpp"

namespace bdevkit::host {

namespace {

struct NbdOptions {
    CommonFrontendOptions common;
    uint32_t max_connections;
    uint32_t structured_replies;
    uint64_t memory;
};

/// In the order of StructuredReplies.
constexpr const char* structured_replies_names[] = {"auto", "always", "never", nullptr};

constexpr bdk_option nbd_options[] = {
    {.name = "listen",
     .help = "Where clients connect: `unix:/path` or `tcp:address:port`.",
     .type = BDK_OPTION_STRING,
     .flags = BDK_OPTION_REQUIRED,
     .offset = offsetof(NbdOptions, common.listen)},
    {.name = "max_connections",
     .help = "Clients at a time; further clients are refused.",
     .type = BDK_OPTION_U32,
     .offset = offsetof(NbdOptions, max_connections),
     .default_value = "256",
     .min = 1,
     .max = 65536},
    {.name = "structured_replies",
     .help = "Offer structured replies if an export can tell holes from data (auto), always or never.",
     .type = BDK_OPTION_ENUM,
     .offset = offsetof(NbdOptions, structured_replies),
     .default_value = "auto",
     .enum_values = structured_replies_names},
    {.name = "memory",
     .help = "Memory for the requests of all clients together; requests that do not fit wait.",
     .type = BDK_OPTION_SIZE,
     .offset = offsetof(NbdOptions, memory),
     .default_value = "1GiB",
     .min = 64 << 20,
     .max = uint64_t{1} << 40},
};

std::unique_ptr<Frontend> make(const FrontendSpec& spec) {
    const auto& options = spec.options.as<NbdOptions>();
    return make_nbd_server({.listen = spec.listen,
                            .exports = spec.exports,
                            .max_connections = options.max_connections,
                            .memory = options.memory,
                            .structured_replies = static_cast<StructuredReplies>(options.structured_replies),
                            .place = spec.place});
}

}  // namespace

const FrontendKind nbd_kind = {
    .name = "nbd", .options = {nbd_options, sizeof(NbdOptions)}, .max_text = nbd::max_string, .make = make};

}  // namespace bdevkit::host
