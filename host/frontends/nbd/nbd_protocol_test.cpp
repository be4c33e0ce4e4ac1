// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_protocol.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>

namespace bdevkit::host::nbd {
namespace {

constexpr uint64_t MiB = 1 << 20;
constexpr ExportLimits writable{
    .size = 64 * MiB,
    .flags = has_flags | send_flush | send_fua | send_trim | send_write_zeroes | send_df,
    .structured_replies = true,
    .base_allocation = true,
};

Error check(Command command, uint64_t offset, uint32_t length, uint16_t flags = 0,
            ExportLimits limits = writable) {
    return check_request({.flags = flags, .command = command, .offset = offset, .length = length}, limits);
}

TEST(NbdProtocol, NumbersTravelBigEndian) {
    std::array<std::byte, 4> bytes;
    EXPECT_EQ(store_be(bytes.data(), uint32_t{0x01020304}), bytes.data() + 4);
    EXPECT_EQ(bytes[0], std::byte{1});
    EXPECT_EQ(load_be<uint32_t>(bytes.data()), 0x01020304u);
    EXPECT_EQ(load_be<uint16_t>(bytes.data() + 1), 0x0203u);
}

TEST(NbdProtocol, AReaderThatRunsOutSaysSo) {
    const std::array<std::byte, 3> bytes{};
    Reader in(bytes);
    in.take<uint16_t>();
    EXPECT_TRUE(in.ok());
    EXPECT_EQ(in.take<uint32_t>(), 0u);
    EXPECT_FALSE(in.ok());
    EXPECT_EQ(in.take_string(1), "");
}

TEST(NbdProtocol, ParsesARequest) {
    std::vector<std::byte> bytes;
    Writer(bytes)
        .put(request_magic)
        .put(uint16_t{1})
        .put(uint16_t{6})
        .put(uint64_t{0xabcd})
        .put(uint64_t{512})
        .put(uint32_t{1024});
    ASSERT_EQ(bytes.size(), request_size);
    const auto request = parse_request(bytes.data());
    ASSERT_TRUE(request);
    EXPECT_EQ(request->command, Command::write_zeroes);
    EXPECT_EQ(request->flags, cmd_fua);
    EXPECT_EQ(request->cookie, 0xabcdu);
    EXPECT_EQ(request->offset, 512u);
    EXPECT_EQ(request->length, 1024u);
    bytes[3] = std::byte{0};
    EXPECT_FALSE(parse_request(bytes.data()));
}

TEST(NbdProtocol, AcceptsWhatTheExportOffers) {
    EXPECT_EQ(check(Command::read, 0, 4096, cmd_df), Error::none);
    EXPECT_EQ(check(Command::write, 1, 4095, cmd_fua), Error::none);
    EXPECT_EQ(check(Command::flush, 0, 0), Error::none);
    EXPECT_EQ(check(Command::flush, 0, 0, cmd_fua), Error::none) << "meaningless, and allowed everywhere";
    EXPECT_EQ(check(Command::trim, 0, 64 * MiB), Error::none) << "longer than a payload may be";
    EXPECT_EQ(check(Command::write_zeroes, 0, 64 * MiB, cmd_no_hole), Error::none);
    EXPECT_EQ(check(Command::block_status, 0, 1, cmd_req_one), Error::none);
}

TEST(NbdProtocol, RefusesWhatItDoesNotOffer) {
    EXPECT_EQ(check(static_cast<Command>(5), 0, 0), Error::inval) << "cache";
    EXPECT_EQ(check(static_cast<Command>(99), 0, 0), Error::inval);
    EXPECT_EQ(check(Command::read, 0, 512, 1 << 9), Error::inval) << "a flag that nobody knows";
    EXPECT_EQ(check(Command::read, 0, 512, cmd_no_hole), Error::inval) << "a flag of another command";
    EXPECT_EQ(check(Command::write_zeroes, 0, 512, cmd_fast_zero), Error::inval);
    ExportLimits plain{
        .size = MiB, .flags = has_flags, .structured_replies = false, .base_allocation = false};
    EXPECT_EQ(check(Command::write, 0, 512, cmd_fua, plain), Error::inval);
    EXPECT_EQ(check(Command::read, 0, 512, cmd_df, plain), Error::inval);
    EXPECT_EQ(check(Command::trim, 0, 512, 0, plain), Error::inval);
    EXPECT_EQ(check(Command::flush, 0, 0, 0, plain), Error::inval);
    EXPECT_EQ(check(Command::write_zeroes, 0, 512, 0, plain), Error::inval);
    EXPECT_EQ(check(Command::block_status, 0, 512, 0, plain), Error::inval);
}

TEST(NbdProtocol, AReadOnlyExportTakesNoWrites) {
    ExportLimits limits = writable;
    limits.flags = has_flags | read_only | send_flush;
    for (const Command command : {Command::write, Command::trim, Command::write_zeroes}) {
        EXPECT_EQ(check(command, 0, 512, 0, limits), Error::perm);
    }
    EXPECT_EQ(check(Command::read, 0, 512, 0, limits), Error::none);
}

TEST(NbdProtocol, RangesEndAtTheExportsEnd) {
    EXPECT_EQ(check(Command::read, 64 * MiB - 512, 512), Error::none);
    EXPECT_EQ(check(Command::read, 64 * MiB - 512, 513), Error::inval);
    EXPECT_EQ(check(Command::write, 64 * MiB - 512, 513), Error::nospc);
    EXPECT_EQ(check(Command::write_zeroes, 64 * MiB, 1), Error::nospc);
    EXPECT_EQ(check(Command::trim, 64 * MiB, 1), Error::inval);
    EXPECT_EQ(check(Command::read, UINT64_MAX - 100, 512), Error::inval) << "no overflow";
    EXPECT_EQ(check(Command::read, 0, 32 * MiB + 1), Error::inval);
    EXPECT_EQ(check(Command::write, 0, 32 * MiB + 1), Error::inval);
    EXPECT_EQ(check(Command::write, 64 * MiB, 0), Error::none);
}

TEST(NbdProtocol, EveryErrnoHasItsErrorOnTheWire) {
    EXPECT_EQ(error_of_errno(0), Error::none);
    EXPECT_EQ(error_of_errno(-EBADF), Error::perm);
    EXPECT_EQ(error_of_errno(-ENOMEM), Error::nomem);
    EXPECT_EQ(error_of_errno(-ENOSPC), Error::nospc);
    EXPECT_EQ(error_of_errno(-ENODEV), Error::shutdown);
    EXPECT_EQ(error_of_errno(-EILSEQ), Error::io);
    EXPECT_EQ(static_cast<uint32_t>(Error::shutdown), 108u);
}

}  // namespace
}  // namespace bdevkit::host::nbd
