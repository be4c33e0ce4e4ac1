// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_protocol.hpp"

#include <cerrno>

namespace bdevkit::host::nbd {

Writer& Writer::append(std::span<const std::byte> bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return *this;
}

Writer& Writer::zeroes(size_t n) {
    out_.resize(out_.size() + n);
    return *this;
}

std::string_view error_text(Error error) noexcept {
    switch (error) {
        case Error::none:
            return "success";
        case Error::perm:
            return "the export is read-only";
        case Error::io:
            return "the bdev failed the I/O";
        case Error::nomem:
            return "the server is out of memory";
        case Error::inval:
            return "the request is not valid: unknown command or flag, or a bad offset or length";
        case Error::nospc:
            return "the request goes past the end of the export";
        case Error::overflow:
            return "the reply would be too long";
        case Error::notsup:
            return "not supported";
        case Error::shutdown:
            return "the export is going away";
    }
    return "error";
}

Error error_of_errno(int negative_errno) noexcept {
    switch (-negative_errno) {
        case 0:
            return Error::none;
        case EPERM:
        case EACCES:
        case EROFS:
        case EBADF:
            return Error::perm;
        case ENOMEM:
        case EAGAIN:
            return Error::nomem;
        case EINVAL:
        case ENOTSUP:
            return Error::inval;
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
            return Error::nospc;
        case ENODEV:
        case ESHUTDOWN:
            return Error::shutdown;
        default:
            return Error::io;
    }
}

namespace {

struct CommandRule {
    uint16_t needs;      ///< transmission flags without which the command is refused
    uint16_t cmd_flags;  ///< command flags that it takes
    bool writes;         ///< refused on a read-only export
    bool has_range;      ///< offset and length are used
    Error past_the_end;  ///< error when the range exceeds the export
};

const CommandRule* rule_of(Command command) noexcept {
    static constexpr CommandRule read{0, cmd_fua | cmd_df, false, true, Error::inval};
    static constexpr CommandRule write{0, cmd_fua, true, true, Error::nospc};
    static constexpr CommandRule flush{send_flush, cmd_fua, false, false, Error::none};
    static constexpr CommandRule trim{send_trim, cmd_fua, true, true, Error::inval};
    static constexpr CommandRule zeroes{send_write_zeroes, cmd_fua | cmd_no_hole | cmd_fast_zero, true, true,
                                        Error::nospc};
    static constexpr CommandRule status{0, cmd_fua | cmd_req_one, false, true, Error::inval};
    switch (command) {
        case Command::read:
            return &read;
        case Command::write:
            return &write;
        case Command::flush:
            return &flush;
        case Command::trim:
            return &trim;
        case Command::write_zeroes:
            return &zeroes;
        case Command::block_status:
            return &status;
        case Command::disc:
            break;
    }
    return nullptr;
}

/// Flags that are valid only if the server has offered them.
bool flags_offered(uint16_t cmd_flags, const ExportLimits& limits) noexcept {
    if ((cmd_flags & cmd_fua) && !(limits.flags & send_fua)) return false;
    if ((cmd_flags & cmd_df) && !(limits.flags & send_df)) return false;
    return !((cmd_flags & cmd_fast_zero) && !(limits.flags & send_fast_zero));
}

}  // namespace

Error check_request(const RequestHeader& request, const ExportLimits& limits) noexcept {
    const CommandRule* rule = rule_of(request.command);
    if (rule == nullptr) return Error::inval;
    if (rule->writes && (limits.flags & read_only)) return Error::perm;
    if ((limits.flags & rule->needs) != rule->needs) return Error::inval;
    if ((request.flags & ~rule->cmd_flags) != 0 || !flags_offered(request.flags, limits)) return Error::inval;
    if (!rule->has_range) return Error::none;

    const bool has_payload = request.command == Command::read || request.command == Command::write;
    if (has_payload && request.length > max_payload) return Error::inval;
    if (request.offset > limits.size || request.length > limits.size - request.offset)
        return rule->past_the_end;
    if (request.command == Command::block_status) {
        const bool selected = limits.structured_replies && limits.base_allocation;
        if (!selected || request.length == 0) return Error::inval;
    }
    return Error::none;
}

}  // namespace bdevkit::host::nbd
