// SPDX-License-Identifier: BSD-3-Clause
// The numbers of the NBD protocol and its byte order. Names follow the protocol's document.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace bdevkit::host::nbd {

inline constexpr uint64_t init_magic = 0x4e42444d41474943;
inline constexpr uint64_t option_magic = 0x49484156454f5054;
inline constexpr uint64_t option_reply_magic = 0x0003e889045565a9;
inline constexpr uint32_t request_magic = 0x25609513;
inline constexpr uint32_t simple_reply_magic = 0x67446698;
inline constexpr uint32_t structured_reply_magic = 0x668e33ef;

/// Longest payload of a read or write, in bytes. The protocol lets every client rely on this value.
inline constexpr uint32_t max_payload = 32u << 20;
/// Longest export name or other string, in bytes.
inline constexpr uint32_t max_string = 4096;

/// Flags of the server's greeting and of the client's answer.
enum HandshakeFlag : uint16_t { handshake_fixed_newstyle = 1, handshake_no_zeroes = 2 };

enum class Option : uint32_t {
    export_name = 1,
    abort = 2,
    list = 3,
    starttls = 5,
    info = 6,
    go = 7,
    structured_reply = 8,
    list_meta_context = 9,
    set_meta_context = 10,
};

enum class OptionReply : uint32_t {
    ack = 1,
    server = 2,
    info = 3,
    meta_context = 4,
    err_unsup = 0x80000001,
    err_policy = 0x80000002,
    err_invalid = 0x80000003,
    err_unknown = 0x80000006,
    err_too_big = 0x80000009,
};

enum class Info : uint16_t { export_ = 0, name = 1, description = 2, block_size = 3 };

/// Capabilities of an export: transmission flags.
enum TransmissionFlag : uint16_t {
    has_flags = 1 << 0,
    read_only = 1 << 1,
    send_flush = 1 << 2,
    send_fua = 1 << 3,
    send_trim = 1 << 5,
    send_write_zeroes = 1 << 6,
    send_df = 1 << 7,
    can_multi_conn = 1 << 8,
    send_fast_zero = 1 << 11,
};

enum class Command : uint16_t {
    read = 0,
    write = 1,
    disc = 2,
    flush = 3,
    trim = 4,
    write_zeroes = 6,
    block_status = 7,
};

enum CommandFlag : uint16_t {
    cmd_fua = 1 << 0,
    cmd_no_hole = 1 << 1,
    cmd_df = 1 << 2,
    cmd_req_one = 1 << 3,
    cmd_fast_zero = 1 << 4,
};

enum class ReplyType : uint16_t { none = 0, offset_data = 1, block_status = 5, error = 0x8001 };
inline constexpr uint16_t reply_flag_done = 1;

/// State of an extent in the base:allocation context.
inline constexpr uint32_t state_hole = 1;

/// Errors on the wire. The numbers are defined by the protocol, not by this machine's errno.
enum class Error : uint32_t {
    none = 0,
    perm = 1,
    io = 5,
    nomem = 12,
    inval = 22,
    nospc = 28,
    overflow = 75,
    notsup = 95,
    shutdown = 108,
};

inline constexpr size_t option_header_size = 16;
inline constexpr size_t request_size = 28;
inline constexpr size_t simple_reply_size = 16;
inline constexpr size_t chunk_header_size = 20;

/// Swaps between the machine's and the network's byte order.
template <std::unsigned_integral T>
constexpr T big_endian(T value) noexcept {
    if constexpr (std::endian::native == std::endian::big || sizeof(T) == 1) {
        return value;
    } else if constexpr (sizeof(T) == 2) {
        return __builtin_bswap16(value);
    } else if constexpr (sizeof(T) == 4) {
        return __builtin_bswap32(value);
    } else {
        return __builtin_bswap64(value);
    }
}

template <std::unsigned_integral T>
T load_be(const std::byte* from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof value);
    return big_endian(value);
}

/// Stores `value` at `to`. @return the byte after it
template <std::unsigned_integral T>
std::byte* store_be(std::byte* to, T value) noexcept {
    value = big_endian(value);
    std::memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

/// Reads values from the front of a message. After an attempt to read past the end, ok() is false and all
/// values are zero.
class Reader {
public:
    explicit Reader(std::span<const std::byte> bytes) noexcept : rest_(bytes) {}

    template <std::unsigned_integral T>
    T take() noexcept {
        if (rest_.size() < sizeof(T)) return fail(), T{0};
        T value = load_be<T>(rest_.data());
        rest_ = rest_.subspan(sizeof(T));
        return value;
    }

    std::string_view take_string(size_t length) noexcept {
        if (rest_.size() < length) return fail(), std::string_view{};
        std::string_view value(reinterpret_cast<const char*>(rest_.data()), length);
        rest_ = rest_.subspan(length);
        return value;
    }

    bool ok() const noexcept { return ok_; }
    size_t left() const noexcept { return rest_.size(); }

private:
    void fail() noexcept {
        ok_ = false;
        rest_ = {};
    }

    std::span<const std::byte> rest_;
    bool ok_ = true;
};

/// Appends values to a message.
class Writer {
public:
    explicit Writer(std::vector<std::byte>& out) noexcept : out_(out) {}

    template <std::unsigned_integral T>
    Writer& put(T value) {
        value = big_endian(value);
        return append(std::as_bytes(std::span(&value, 1)));
    }
    Writer& put(std::string_view text) { return append(std::as_bytes(std::span(text))); }
    Writer& zeroes(size_t n);

private:
    Writer& append(std::span<const std::byte> bytes);

    std::vector<std::byte>& out_;
};

/// A request of the transmission phase, without its payload.
struct RequestHeader {
    uint16_t flags = 0;  ///< CommandFlag
    Command command = Command::read;
    uint64_t cookie = 0;
    uint64_t offset = 0;  ///< bytes
    uint32_t length = 0;  ///< bytes
};

/// @param bytes  request_size of them @return nothing when the magic is wrong
inline std::optional<RequestHeader> parse_request(const std::byte* bytes) noexcept {
    if (load_be<uint32_t>(bytes) != request_magic) return std::nullopt;
    return RequestHeader{
        .flags = load_be<uint16_t>(bytes + 4),
        .command = static_cast<Command>(load_be<uint16_t>(bytes + 6)),
        .cookie = load_be<uint64_t>(bytes + 8),
        .offset = load_be<uint64_t>(bytes + 16),
        .length = load_be<uint32_t>(bytes + 24),
    };
}

/// Writes a simple reply. @return the byte after it
inline std::byte* store_simple_reply(std::byte* to, Error error, uint64_t cookie) noexcept {
    to = store_be(to, simple_reply_magic);
    to = store_be(to, static_cast<uint32_t>(error));
    return store_be(to, cookie);
}

/// Writes the head of a structured reply with a single chunk. @param length bytes that follow @return the
/// byte after
inline std::byte* store_chunk_header(std::byte* to, ReplyType type, uint64_t cookie,
                                     uint32_t length) noexcept {
    to = store_be(to, structured_reply_magic);
    to = store_be(to, reply_flag_done);
    to = store_be(to, static_cast<uint16_t>(type));
    to = store_be(to, cookie);
    return store_be(to, length);
}

/// The text of an error for people.
std::string_view error_text(Error error) noexcept;

/// The protocol's error for a negative errno.
Error error_of_errno(int negative_errno) noexcept;

/// The properties of an export that decide whether a request may run.
struct ExportLimits {
    uint64_t size;   ///< bytes
    uint16_t flags;  ///< TransmissionFlag
    bool structured_replies;
    bool base_allocation;  ///< the client has selected that context
};

/// Checks a request before any I/O. Not for disconnect requests.
Error check_request(const RequestHeader& request, const ExportLimits& limits) noexcept;

}  // namespace bdevkit::host::nbd
