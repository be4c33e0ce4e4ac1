// SPDX-License-Identifier: BSD-3-Clause
// One queue of NVMe/TCP without a network: what it sends, what it makes of what a controller sends, in pieces
// of any length, and of what no controller should send.
#include "protocol.hpp"

#include <gtest/gtest.h>
#include <nvme/types.h>

#include <algorithm>
#include <memory>
#include <random>

#include "test_pdus.hpp"

namespace {

using namespace nvme::tcp;
using namespace nvme::tcp::test;

struct Ended {
    void* owner;
    Result result;
};

/// A queue, what it has sent and what has ended.
struct Queue {
    explicit Queue(Digests with = {}, size_t step = SIZE_MAX, uint32_t in_capsule = 4096, uint16_t depth = 4,
                   bool is_for_io = true)
        : digests(with),
          piece(step),
          protocol({depth, with.header, with.data, in_capsule, is_for_io},
                   [this](void* owner, const Result& result) {
                       ended.push_back({owner, result});
                   }) {}

    void open(uint32_t max_data = 4096, uint8_t alignment = 0) {
        sent_pdu();
        feed(ic_resp(digests, max_data, alignment));
    }

    void feed(const Octets& bytes) {
        for (size_t at = 0; at < bytes.size(); at += std::min(piece, bytes.size() - at))
            protocol.receive(Bytes(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    }

    /// Sends everything, `piece` bytes at a time.
    void flush() {
        iovec pieces[3];
        while (const size_t count = protocol.gather(pieces)) {
            size_t room = piece;
            size_t sent = 0;
            for (size_t i = 0; i < count && room != 0; i++) {
                const size_t n = std::min(room, pieces[i].iov_len);
                append(stream, pieces[i].iov_base, n);
                room -= n;
                sent += n;
            }
            protocol.sent(sent);
        }
    }

    /// The next PDU that the queue sends.
    HostPdu sent_pdu() {
        flush();
        auto pdu = take_pdu(stream, digests);
        if (!pdu) throw std::runtime_error("no PDU has been sent");
        return *pdu;
    }

    int submit(uint8_t opcode, Octets& buffer) {
        return protocol.submit({.opcode = opcode, .nsid = 1},
                               {.buf = buffer.data(), .bytes = uint32_t(buffer.size())}, &buffer);
    }

    Digests digests;
    size_t piece;
    std::vector<Ended> ended;
    Octets stream;
    Protocol protocol;
};

Octets noise(size_t length, unsigned seed = 1) {
    std::mt19937 random(seed);
    Octets result(length);
    std::generate(result.begin(), result.end(), [&] { return std::byte(random()); });
    return result;
}

Octets part(const Octets& whole, size_t at, size_t length) {
    return {whole.begin() + std::ptrdiff_t(at), whole.begin() + std::ptrdiff_t(at + length)};
}

TEST(NvmeTcpDigest, IsCrc32c) {
    Digest digest;
    digest.add(std::as_bytes(std::span("123456789", 4)));
    digest.add(std::as_bytes(std::span("123456789", 9)).subspan(4));
    EXPECT_EQ(digest.value(), 0xe3069283u);
}

// ---- with and without digests, in pieces of any length ----

struct Setting {
    const char* name;
    Digests digests;
    size_t piece;
};

class NvmeTcpProtocol : public testing::TestWithParam<Setting> {
protected:
    Queue queue{GetParam().digests, GetParam().piece};
    Digests digests = GetParam().digests;
};

INSTANTIATE_TEST_SUITE_P(Forms, NvmeTcpProtocol,
                         testing::Values(Setting{"plain", {}, SIZE_MAX}, Setting{"plain_bytes", {}, 1},
                                         Setting{"header", {true, false}, SIZE_MAX},
                                         Setting{"data", {false, true}, 7},
                                         Setting{"both", {true, true}, SIZE_MAX},
                                         Setting{"both_bytes", {true, true}, 1}),
                         [](const auto& it) { return it.param.name; });

TEST_P(NvmeTcpProtocol, OpensWithWhatTheHostWants) {
    const auto request = queue.sent_pdu();
    ASSERT_EQ(request.header.type, PduType::ic_req);
    ASSERT_EQ(request.header.length, 128u);
    const auto ic = request.as<IcPdu>();
    EXPECT_EQ(ic.version, 0);
    EXPECT_EQ(ic.digests, (digests.header ? 1 : 0) | (digests.data ? 2 : 0));
    EXPECT_EQ(ic.limit, 0u);  // one R2T at a time
    EXPECT_FALSE(queue.protocol.is_open());
    Octets none;
    EXPECT_EQ(queue.submit(nvme_cmd_flush, none), -EAGAIN);
    queue.feed(ic_resp(digests));
    EXPECT_TRUE(queue.protocol.is_open());
}

TEST_P(NvmeTcpProtocol, SmallWriteGoesWithItsCommand) {
    queue.open();
    Octets data = noise(4096);
    const int cid = queue.submit(nvme_cmd_write, data);
    const auto capsule = queue.sent_pdu();
    ASSERT_EQ(capsule.header.type, PduType::capsule_cmd);
    const auto command = capsule.as<CapsuleCmdPdu>().command;
    EXPECT_EQ(command.opcode, nvme_cmd_write);
    EXPECT_EQ(command.cid, cid);
    EXPECT_EQ(command.flags, 0x40);
    EXPECT_EQ(command.dptr[0], 0u);
    EXPECT_EQ(command.dptr[1], 4096 | uint64_t(0x01) << 56);
    EXPECT_EQ(capsule.data, data);
    queue.feed(response(uint16_t(cid), 0, 0x1'0000'0007, digests));
    ASSERT_EQ(queue.ended.size(), 1u);
    EXPECT_EQ(queue.ended[0].owner, &data);
    EXPECT_TRUE(queue.ended[0].result.ok());
    EXPECT_EQ(queue.ended[0].result.result, 0x1'0000'0007u);
    EXPECT_EQ(queue.protocol.in_flight(), 0u);
}

TEST_P(NvmeTcpProtocol, LargeWriteWaitsToBeAsked) {
    queue.open(4096);
    Octets data = noise(20000);
    const auto cid = uint16_t(queue.submit(nvme_cmd_write, data));
    const auto capsule = queue.sent_pdu();
    EXPECT_EQ(capsule.as<CapsuleCmdPdu>().command.dptr[1], 20000 | uint64_t(0x5a) << 56);
    EXPECT_TRUE(capsule.data.empty());
    EXPECT_FALSE(queue.protocol.has_output());

    // Two requests for parts, each answered in PDUs no longer than the controller takes.
    struct Asked {
        uint16_t tag;
        uint32_t offset, length;
    };
    for (const Asked asked : {Asked{77, 0, 10000}, Asked{78, 10000, 10000}}) {
        queue.feed(r2t(cid, asked.tag, asked.offset, asked.length, digests));
        for (uint32_t at = asked.offset, end = at + asked.length; at < end;) {
            const auto pdu = queue.sent_pdu();
            const auto head = pdu.as<DataPdu>();
            ASSERT_EQ(pdu.header.type, PduType::h2c_data);
            EXPECT_EQ(head.cid, cid);
            EXPECT_EQ(head.tag, asked.tag);
            EXPECT_EQ(head.offset, at);
            EXPECT_EQ(head.length, std::min(4096u, end - at));
            EXPECT_EQ(pdu.data, part(data, at, head.length));
            at += head.length;
            EXPECT_EQ((pdu.header.flags & pdu_last) != 0, at == end);
        }
        EXPECT_TRUE(queue.ended.empty());
    }
    queue.feed(response(cid, 0, 0, digests));
    EXPECT_EQ(queue.ended.size(), 1u);
    EXPECT_EQ(queue.protocol.failure(), "");
}

TEST_P(NvmeTcpProtocol, ReadTakesItsDataInSeveralPdus) {
    queue.open();
    const Octets disk = noise(9000);
    Octets buffer(9000);
    iovec pieces[] = {{buffer.data(), 1}, {buffer.data() + 1, 5000}, {buffer.data() + 5001, 3999}};
    const auto cid = uint16_t(queue.protocol.submit({.opcode = nvme_cmd_read},
                                                    {.iovs = pieces, .iovcnt = 3, .bytes = 9000}, &buffer));
    EXPECT_EQ(queue.sent_pdu().as<CapsuleCmdPdu>().command.dptr[1], 9000 | uint64_t(0x5a) << 56);
    queue.feed(c2h_data(cid, 0, part(disk, 0, 4000), 0, digests));
    queue.feed(c2h_data(cid, 4000, part(disk, 4000, 5000), pdu_last, digests, 12));  // with padding
    EXPECT_TRUE(queue.ended.empty());
    queue.feed(response(cid, 0, 0, digests));
    ASSERT_EQ(queue.ended.size(), 1u);
    EXPECT_EQ(queue.ended[0].result.bytes, 9000u);
    EXPECT_EQ(buffer, disk);
}

/// As they do on a queue for I/O, and of the commands of the admin queue all.
TEST_P(NvmeTcpProtocol, CommandsThatAreNotOfBlocksMayReadLess) {
    for (const auto& [is_for_io, opcode] : {std::pair<bool, uint8_t>{false, nvme_admin_get_log_page},
                                            {false, nvme_admin_security_recv},
                                            {true, nvme_cmd_resv_report}}) {
        for (const bool with_response : {false, true}) {
            Queue less(digests, GetParam().piece, 4096, 4, is_for_io);
            less.open();
            Octets buffer(4096);
            const auto cid = uint16_t(less.submit(opcode, buffer));
            less.feed(c2h_data(cid, 0, noise(72), pdu_last | (with_response ? 0 : pdu_success), digests));
            if (with_response) less.feed(response(cid, 0, 0, digests));
            ASSERT_EQ(less.ended.size(), 1u) << less.protocol.failure();
            EXPECT_TRUE(less.ended[0].result.ok());
            EXPECT_EQ(less.ended[0].result.bytes, 72u);
            EXPECT_EQ(part(buffer, 0, 72), noise(72));
        }
    }
}

TEST_P(NvmeTcpProtocol, CommandsThatAreNotOfBlocksMayTakeLess) {
    Queue less(digests, GetParam().piece, 0, 4, false);
    less.open();
    Octets buffer = noise(8192);
    const auto cid = uint16_t(less.submit(nvme_admin_security_send, buffer));
    less.feed(r2t(cid, 1, 0, 4096, digests));
    less.flush();
    less.feed(response(cid, 0, 0, digests));
    ASSERT_EQ(less.ended.size(), 1u) << less.protocol.failure();
    EXPECT_TRUE(less.ended[0].result.ok());
}

TEST_P(NvmeTcpProtocol, LastDataMayStandForSuccess) {
    queue.open();
    const Octets disk = noise(512);
    Octets buffer(512);
    const auto cid = uint16_t(queue.submit(nvme_cmd_read, buffer));
    queue.feed(c2h_data(cid, 0, disk, pdu_last | pdu_success, digests));
    ASSERT_EQ(queue.ended.size(), 1u);
    EXPECT_TRUE(queue.ended[0].result.ok());
    EXPECT_EQ(buffer, disk);
    queue.feed(response(cid, 0, 0, digests));  // which nobody waits for any more
    EXPECT_NE(queue.protocol.failure().find("not in flight"), std::string::npos);
}

TEST_P(NvmeTcpProtocol, AnErrorKeepsItsStatus) {
    queue.open();
    Octets buffer(512);
    const auto cid = uint16_t(queue.submit(nvme_cmd_read, buffer));
    queue.feed(response(cid, NVME_SC_DNR | NVME_SCT_MEDIA << 8 | 0x81, 0, digests));
    ASSERT_EQ(queue.ended.size(), 1u);
    EXPECT_EQ(queue.ended[0].result.sct, NVME_SCT_MEDIA);
    EXPECT_EQ(queue.ended[0].result.sc, 0x81);
    EXPECT_TRUE(queue.ended[0].result.do_not_retry);
    EXPECT_EQ(queue.ended[0].result.bytes, 0u);
}

TEST_P(NvmeTcpProtocol, DataAreAlignedAsTheControllerAsks) {
    queue.open(4096, 31);  // to 128 bytes
    Octets data = noise(1000);
    queue.submit(nvme_cmd_write, data);
    const auto capsule = queue.sent_pdu();
    EXPECT_EQ(capsule.header.data_offset, 128);
    EXPECT_EQ(capsule.data, data);
}

// ---- what is not sent in whole, ends early or breaks off ----

TEST(NvmeTcpProtocolEnds, AResponseThatComesEarlyWaitsUntilTheDataAreSent) {
    Queue queue;
    queue.open();
    Octets data = noise(4096);
    const auto cid = uint16_t(queue.submit(nvme_cmd_write, data));
    iovec piece;
    ASSERT_EQ(queue.protocol.gather({&piece, 1}), 1u);
    queue.protocol.sent(piece.iov_len);  // the header alone
    queue.feed(response(cid, NVME_SC_DNR | 1));
    EXPECT_TRUE(queue.ended.empty());  // its data are still in use
    queue.flush();
    ASSERT_EQ(queue.ended.size(), 1u);
    EXPECT_EQ(queue.ended[0].result.sc, 1);
}

TEST(NvmeTcpProtocolEnds, NoMoreCommandsThanTheQueueHolds) {
    Queue queue({}, SIZE_MAX, 4096, 2);
    queue.open();
    Octets first(512), second(512), third(512);
    EXPECT_GE(queue.submit(nvme_cmd_read, first), 0);
    const int cid = queue.submit(nvme_cmd_read, second);
    EXPECT_GE(cid, 0);
    EXPECT_EQ(queue.protocol.find(&second), cid);
    EXPECT_EQ(queue.submit(nvme_cmd_read, third), -EAGAIN);
    EXPECT_EQ(queue.protocol.find(&third), -ENOENT);
    queue.feed(response(uint16_t(cid), 1));
    EXPECT_GE(queue.submit(nvme_cmd_read, third), 0);
}

TEST(NvmeTcpProtocolEnds, DataThatTheOpcodeDoesNotMoveAreRefused) {
    Queue queue;
    queue.open();
    Octets data(512);
    EXPECT_EQ(queue.submit(nvme_cmd_flush, data), -EINVAL);
    EXPECT_EQ(queue.protocol.submit({.opcode = nvme_cmd_read},
                                    {.buf = data.data(), .bytes = 512, .md_bytes = 8}, &data),
              -EINVAL);
    iovec half{data.data(), 256};
    EXPECT_EQ(
        queue.protocol.submit({.opcode = nvme_cmd_read}, {.iovs = &half, .iovcnt = 1, .bytes = 512}, &data),
        -EINVAL);
    EXPECT_EQ(queue.protocol.in_flight(), 0u);
}

TEST(NvmeTcpProtocolEnds, WhatIsInFlightIsGivenBackWhenTheConnectionIsGone) {
    Queue queue;
    queue.open();
    Octets first(512), second(512);
    queue.submit(nvme_cmd_read, first);
    queue.submit(nvme_cmd_write, second);
    std::vector<void*> dropped;
    queue.protocol.drop_all([&](void* owner) { dropped.push_back(owner); });
    EXPECT_EQ(dropped.size(), 2u);
    EXPECT_EQ(queue.protocol.in_flight(), 0u);
    EXPECT_FALSE(queue.protocol.has_output());
    EXPECT_TRUE(queue.ended.empty());
}

TEST(NvmeTcpProtocolEnds, DataWithAWrongDigestFailTheCommandAlone) {
    const Digests digests{true, true};
    Queue queue(digests);
    queue.open();
    Octets buffer(512), other(512);
    const auto cid = uint16_t(queue.submit(nvme_cmd_read, buffer));
    const auto next = uint16_t(queue.submit(nvme_cmd_read, other));
    Octets damaged = c2h_data(cid, 0, noise(512), pdu_last, digests);
    damaged[damaged.size() - 100] ^= std::byte(1);
    queue.feed(damaged);
    queue.feed(response(cid, 0, 0, digests));
    ASSERT_EQ(queue.ended.size(), 1u);
    EXPECT_EQ(queue.ended[0].result.sct, NVME_SCT_GENERIC);
    EXPECT_EQ(queue.ended[0].result.sc, 0x22);  // transient transport error
    queue.feed(c2h_data(next, 0, noise(512), pdu_last | pdu_success, digests));
    EXPECT_TRUE(queue.ended[1].result.ok());
    EXPECT_EQ(queue.protocol.failure(), "");
}

TEST(NvmeTcpProtocolEnds, TheTargetMayEndTheConnectionAndSaysWhy) {
    Queue queue;
    queue.open();
    Octets buffer(512);
    const auto cid = uint16_t(queue.submit(nvme_cmd_read, buffer));
    Octets bytes = pdu_bytes(TermPdu{{PduType::c2h_term_req}, 3, 0x5678, 0x1234, {}}, noise(24));
    const Octets behind = response(cid);
    append(bytes, behind.data(), behind.size());
    queue.feed(bytes);
    EXPECT_TRUE(queue.ended.empty());
    EXPECT_EQ(queue.protocol.failure(),
              "the target ends the connection: a wrong header digest (detail 0x12345678)");
    EXPECT_FALSE(queue.protocol.has_output());
}

// ---- what no controller should send ----

struct Hostile {
    const char* name;
    const char* message;
    FatalError error;
    /// What is sent to a queue whose command 0 reads 512 bytes and whose command 1 writes 8192.
    Octets bytes;
    Digests digests{};
};

template <class Pdu>
Octets with(Octets pdu, uint32_t Pdu::*field, uint32_t value) {
    Pdu head;
    std::memcpy(&head, pdu.data(), sizeof(head));
    head.*field = value;
    std::memcpy(pdu.data(), &head, sizeof(head));
    return pdu;
}

Octets with_header(Octets pdu, void (*change)(PduHeader&)) {
    PduHeader header;
    std::memcpy(&header, pdu.data(), sizeof(header));
    change(header);
    std::memcpy(pdu.data(), &header, sizeof(header));
    return pdu;
}

Octets changed(Octets bytes, size_t at) {
    bytes[at] ^= std::byte(1);
    return bytes;
}

Octets joined(Octets first, const Octets& second) {
    append(first, second.data(), second.size());
    return first;
}

const Hostile hostile[] = {
    {"unknown_type", "type 8", FatalError::invalid_header_field,
     with_header(response(0), [](PduHeader& h) { h.type = PduType(8); })},
    {"host_type", "type 4", FatalError::invalid_header_field,
     with_header(response(0), [](PduHeader& h) { h.type = PduType::capsule_cmd; })},
    {"short_header", "header of 8 bytes", FatalError::invalid_header_field,
     with_header(response(0), [](PduHeader& h) { h.header_length = 8; })},
    {"long_header", "header of 255 bytes", FatalError::invalid_header_field,
     with_header(c2h_data(0, 0, noise(512), pdu_last), [](PduHeader& h) { h.header_length = 255; })},
    {"response_too_long", "25 bytes of PDU", FatalError::invalid_header_field,
     with_header(response(0), [](PduHeader& h) { h.length = 25; })},
    {"response_too_short", "23 bytes of PDU", FatalError::invalid_header_field,
     with_header(response(0), [](PduHeader& h) { h.length = 23; })},
    {"no_length", "0 bytes of PDU", FatalError::invalid_header_field,
     with_header(c2h_data(0, 0, noise(512), 0), [](PduHeader& h) { h.length = 0; })},
    {"digest_nobody_agreed_on", "digest flags", FatalError::invalid_header_field,
     response(0, 0, 0, {true, false})},
    {"digest_left_out", "digest flags", FatalError::invalid_header_field, response(0), {true, false}},
    {"wrong_header_digest",
     "header digest",
     FatalError::header_digest,
     changed(response(0, 0, 0, {true, false}), 10),
     {true, false}},
    {"second_icresp", "second ICResp", FatalError::sequence, ic_resp()},
    {"response_to_nothing", "command 3, which is not in flight", FatalError::invalid_header_field,
     response(3)},
    {"response_beyond_the_queue", "command 65535", FatalError::invalid_header_field, response(65535)},
    {"second_response", "not in flight", FatalError::invalid_header_field,
     joined(response(0, 1), response(0, 1))},
    {"success_without_the_data", "has asked only up to 0", FatalError::sequence, response(1)},
    {"data_for_nothing", "command 9", FatalError::invalid_header_field, c2h_data(9, 0, noise(512), pdu_last)},
    {"data_for_a_write", "reads none", FatalError::invalid_header_field,
     c2h_data(1, 0, noise(512), pdu_last)},
    {"data_out_of_order", "where 0 was next", FatalError::sequence, c2h_data(0, 4, noise(508), pdu_last)},
    {"data_twice", "where 256 was next", FatalError::sequence,
     joined(c2h_data(0, 0, noise(256), 0), c2h_data(0, 0, noise(256), 0))},
    {"data_behind_the_last", "where 256 was next", FatalError::sequence,
     joined(c2h_data(0, 0, noise(256), pdu_last), c2h_data(0, 256, noise(256), 0))},
    {"too_much_data", "516 bytes of data", FatalError::data_out_of_range,
     c2h_data(0, 0, noise(516), pdu_last)},
    {"data_length_that_overflows", "in a PDU that holds", FatalError::invalid_header_field,
     with(c2h_data(0, 0, noise(512), pdu_last), &DataPdu::length, 0xffffff00u)},
    {"data_offset_that_overflows", "data at 4294967040", FatalError::sequence,
     with(c2h_data(0, 0, noise(512), pdu_last), &DataPdu::offset, 0xffffff00u)},
    {"no_data", "bytes of PDU for data", FatalError::invalid_header_field, c2h_data(0, 0, {}, pdu_last)},
    {"data_inside_the_header", "data at byte 8", FatalError::invalid_header_field,
     with_header(c2h_data(0, 0, noise(512), pdu_last), [](PduHeader& h) { h.data_offset = 8; })},
    {"data_behind_the_pdu", "bytes of PDU for data", FatalError::invalid_header_field,
     with_header(c2h_data(0, 0, noise(4), pdu_last), [](PduHeader& h) { h.data_offset = 252; })},
    {"data_not_aligned", "data at byte 26", FatalError::invalid_header_field,
     c2h_data(0, 0, noise(512), pdu_last, {}, 2)},
    {"success_before_the_last", "success of command 0", FatalError::invalid_header_field,
     c2h_data(0, 0, noise(512), pdu_success)},
    {"success_before_the_end", "success of command 0", FatalError::invalid_header_field,
     c2h_data(0, 0, noise(256), pdu_last | pdu_success)},
    {"r2t_for_nothing", "command 2", FatalError::invalid_header_field, r2t(2, 1, 0, 512)},
    {"r2t_for_a_read", "writes nothing", FatalError::invalid_header_field, r2t(0, 1, 0, 512)},
    {"r2t_for_no_bytes", "R2T for 0 bytes", FatalError::data_out_of_range, r2t(1, 1, 0, 0)},
    {"r2t_beyond_the_end", "R2T for 8193 bytes", FatalError::data_out_of_range, r2t(1, 1, 0, 8193)},
    {"r2t_that_overflows", "R2T for 4294967295", FatalError::data_out_of_range, r2t(1, 1, 0, UINT32_MAX)},
    {"r2t_out_of_order", "where 0 was next", FatalError::sequence, r2t(1, 1, 4096, 4096)},
    {"too_many_r2ts", "before the data of the last one", FatalError::limit_exceeded,
     joined(r2t(1, 1, 0, 4096), r2t(1, 2, 4096, 4096))},
};

struct NvmeTcpHostile : testing::TestWithParam<Hostile> {};

INSTANTIATE_TEST_SUITE_P(Pdus, NvmeTcpHostile, testing::ValuesIn(hostile),
                         [](const auto& it) { return it.param.name; });

/// A queue with a read of 512 bytes and a write of 8192 in flight, in buffers of their own.
struct BusyQueue : Queue {
    explicit BusyQueue(Digests with, size_t step) : Queue(with, step) {
        open();
        submit(nvme_cmd_read, to_read);
        submit(nvme_cmd_write, to_write);
        flush();
        stream.clear();
    }
    Octets to_read{512}, to_write{8192};
};

TEST_P(NvmeTcpHostile, EndsTheConnectionAndIsToldWhy) {
    for (const size_t piece : {SIZE_MAX, size_t(1)}) {
        BusyQueue queue(GetParam().digests, piece);
        const size_t before = queue.ended.size();
        queue.feed(GetParam().bytes);
        const std::string& failure = queue.protocol.failure();
        EXPECT_NE(failure.find("the target broke the protocol: "), std::string::npos) << failure;
        EXPECT_NE(failure.find(GetParam().message), std::string::npos) << failure;
        EXPECT_LE(queue.ended.size(), before + 1);

        const auto term = queue.sent_pdu();
        ASSERT_EQ(term.header.type, PduType::h2c_term_req);
        EXPECT_EQ(FatalError(term.as<TermPdu>().error), GetParam().error);
        EXPECT_GE(term.data.size(), sizeof(PduHeader));
        EXPECT_LE(term.data.size(), 128u);

        // And nothing more happens.
        queue.feed(response(0, 0, 0, GetParam().digests));
        EXPECT_LE(queue.ended.size(), before + 1);
        EXPECT_EQ(queue.protocol.submit({.opcode = nvme_cmd_flush}, {}, nullptr), -EAGAIN);
    }
}

TEST(NvmeTcpIcResp, IsCheckedFieldByField) {
    struct Bad {
        const char* message;
        void (*change)(IcPdu&);
    };
    for (const Bad& bad : {Bad{"version 1", [](IcPdu& pdu) { pdu.version = 1; }},
                           Bad{"CPDA 32", [](IcPdu& pdu) { pdu.alignment = 32; }},
                           Bad{"header digest on", [](IcPdu& pdu) { pdu.digests = 1; }},
                           Bad{"data digest on", [](IcPdu& pdu) { pdu.digests = 2; }},
                           Bad{"MAXH2CDATA 0", [](IcPdu& pdu) { pdu.limit = 0; }},
                           Bad{"MAXH2CDATA 4095", [](IcPdu& pdu) { pdu.limit = 4095; }},
                           Bad{"MAXH2CDATA 4098", [](IcPdu& pdu) { pdu.limit = 4098; }}}) {
        Queue queue;
        queue.sent_pdu();
        IcPdu pdu;
        std::memcpy(&pdu, ic_resp().data(), sizeof(pdu));
        bad.change(pdu);
        queue.protocol.receive(std::as_bytes(std::span(&pdu, 1)));
        EXPECT_NE(queue.protocol.failure().find(bad.message), std::string::npos) << queue.protocol.failure();
        EXPECT_FALSE(queue.protocol.is_open());
        EXPECT_EQ(queue.sent_pdu().header.type, PduType::h2c_term_req);
    }
}

TEST(NvmeTcpIcResp, ComesBeforeAllElse) {
    Queue queue;
    queue.sent_pdu();
    queue.feed(response(0));
    EXPECT_NE(queue.protocol.failure().find("a PDU before ICResp"), std::string::npos);
}

TEST(NvmeTcpIcResp, DigestsThatTheTargetDeclinesAreNamed) {
    Queue queue({true, true});
    queue.sent_pdu();
    queue.feed(ic_resp({false, false}));
    EXPECT_NE(queue.protocol.failure().find("set `header_digest` and `data_digest`"), std::string::npos);
}

/// Whatever comes, memory stays whole (the sanitizers see to that) and each command ends at most once.
TEST(NvmeTcpFuzz, NoBytesDoHarm) {
    std::mt19937 random(7);
    for (int round = 0; round < 3000; round++) {
        const Digests digests{(round & 1) != 0, (round & 2) != 0};
        BusyQueue queue(digests, 1 + random() % 700);
        Octets stream = r2t(1, 5, 0, 4096, digests);
        for (const Octets& next :
             {c2h_data(0, 0, noise(100), 0, digests), c2h_data(0, 100, noise(412), pdu_last, digests, 8),
              response(0, 0, 0, digests), r2t(1, 6, 4096, 4096, digests), response(1, 0, 0, digests)})
            append(stream, next.data(), next.size());
        for (unsigned flips = random() % 4; flips-- != 0;)
            stream[random() % stream.size()] ^= std::byte(1u << random() % 8);
        for (size_t at = 0; at < stream.size(); at += queue.piece) {
            queue.protocol.receive(Bytes(stream).subspan(at, std::min(queue.piece, stream.size() - at)));
            queue.flush();
        }
        EXPECT_LE(queue.ended.size(), 2u);
        queue.protocol.drop_all([](void*) {});
        EXPECT_EQ(queue.protocol.in_flight(), 0u);
    }
}

}  // namespace
