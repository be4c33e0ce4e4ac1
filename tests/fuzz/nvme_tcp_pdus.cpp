// SPDX-License-Identifier: BSD-3-Clause
// One queue of an NVMe/TCP initiator, and a controller that sends what it likes. An input is a list of
// actions: the host submits, sends and holds; the controller sends PDUs whose lengths and digests are right,
// or any bytes.
#include <nvme/types.h>

#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "../../plugins/nvme/tcp/protocol.hpp"
#include "../../plugins/nvme/tcp/test_pdus.hpp"
#include "fuzz_input.hpp"

using bdk::fuzz::FuzzInput, bdk::fuzz::must_hold;

namespace {

using namespace nvme;
using namespace nvme::tcp;
using namespace nvme::tcp::test;

/// A command in flight. Its memory is exactly as long as its data, so that the sanitizer sees any access
/// beyond.
struct Command {
    Command(uint32_t bytes, size_t cut)
        : length(bytes), first(new std::byte[cut]), second(new std::byte[bytes - cut]) {
        std::memset(first.get(), 0x11, cut);
        std::memset(second.get(), 0x22, bytes - cut);
        iovs = {{first.get(), cut}, {second.get(), bytes - cut}};
    }
    uint32_t length;
    std::unique_ptr<std::byte[]> first, second;
    std::vector<iovec> iovs;
};

class Host {
public:
    Host(Protocol::Options options, Digests with)
        : digests(with),
          protocol(options, [this](void* owner, const Result& result) { ended(owner, result); }) {}

    ~Host() {
        protocol.drop_all(
            [this](void* owner) { must_hold(commands.erase(owner) == 1, "what is dropped was in flight"); });
        must_hold(commands.empty(), "each command ends or is dropped");
    }

    void submit(uint8_t opcode, uint32_t bytes, size_t cut) {
        auto command = std::make_unique<Command>(bytes, std::min<size_t>(cut, bytes));
        const Data data{.iovs = command->iovs.data(), .iovcnt = bytes != 0 ? 2u : 0u, .bytes = bytes};
        const int cid = protocol.submit({.opcode = opcode}, data, command.get());
        if (cid < 0) return;
        must_hold(size_t(cid) < protocol.depth(), "a command has an identifier of the queue's");
        void* const owner = command.get();
        must_hold(protocol.find(owner) == cid, "a command in flight is found");
        commands.emplace(owner, std::move(command));
    }

    void send(size_t most) {
        iovec pieces[4];
        while (const size_t count = protocol.gather(pieces)) {
            size_t sent = 0;
            for (size_t i = 0; i < count; i++) {
                const size_t n = std::min(most, pieces[i].iov_len);
                append(stream, pieces[i].iov_base, n);
                most -= n;
                sent += n;
            }
            protocol.sent(sent);
            if (most == 0) break;
        }
        // Checks that the host's PDUs are well-formed, whatever it receives. Throws otherwise.
        while (take_pdu(stream, is_open() ? digests : Digests{})) {
        }
    }

    void receive(const Octets& bytes, size_t piece) {
        for (size_t at = 0; at < bytes.size(); at += piece)
            protocol.receive(Bytes(bytes).subspan(at, std::min(piece, bytes.size() - at)));
        must_hold(protocol.in_flight() == commands.size(), "the queue counts what is in flight");
    }

    /// Keeps the identifier of a command in flight, as an abort of it does.
    void hold(size_t nth) {
        if (commands.empty()) return;
        const int cid =
            protocol.find(std::next(commands.begin(), std::ptrdiff_t(nth % commands.size()))->first);
        must_hold(cid >= 0, "a command in flight has an identifier");
        protocol.hold(uint16_t(cid));
        held.insert(uint16_t(cid));
    }
    void let_go(uint16_t cid) {
        if (held.erase(cid) != 0) protocol.let_go(cid);
    }

    /// ICReq comes first, and has no digests.
    bool is_open() const { return protocol.is_open(); }

    const Digests digests;
    Octets stream;
    std::map<void*, std::unique_ptr<Command>> commands;
    std::set<uint16_t> held;
    Protocol protocol;

private:
    void ended(void* owner, const Result& result) {
        const auto found = commands.find(owner);
        must_hold(found != commands.end(), "what ends was in flight");
        must_hold(result.bytes <= found->second->length, "no more data came than was asked for");
        commands.erase(found);
    }
};

/// A PDU of the controller's: its kind and the fields that it has.
Octets controller_pdu(FuzzInput& input, Digests digests) {
    const auto kind = input.take<uint8_t>();
    const auto flags = input.take<uint8_t>();
    const uint16_t cid = input.take<uint8_t>();
    const auto offset = input.take<uint16_t>();
    const auto length = input.take<uint16_t>();
    switch (kind % 5) {
        case 0:
            return ic_resp(digests, 4096 + 4 * (offset % 1024), uint8_t(flags & 31));
        case 1:
            return response(cid, length, offset, digests);
        case 2:
            return r2t(cid, offset, uint32_t(flags) << 8, length, digests);
        case 3:
            return c2h_data(cid, offset, Octets(length % 9000, std::byte{0x33}),
                            flags & (pdu_last | pdu_success), digests, (flags >> 4) * 4u);
        default:
            return pdu_bytes(TermPdu{{PduType::c2h_term_req}, offset, length, 0, {}}, Octets{});
    }
}

void act(Host& host, FuzzInput& input) {
    const auto action = input.take<uint8_t>();
    const size_t piece = (action >> 4) == 0 ? SIZE_MAX : size_t{1} << (action >> 4);
    switch (action & 7) {
        case 0:
        case 1: {
            const auto opcode = input.take<uint8_t>();
            const auto bytes = input.take<uint16_t>();
            return host.submit(opcode, bytes, input.take<uint8_t>());
        }
        case 2:
            return host.send(input.take<uint16_t>() + size_t{1});
        case 3: {
            const auto which = input.take<uint8_t>();
            return (action & 8) != 0 ? host.hold(which)
                                     : host.let_go(uint16_t(which % host.protocol.depth()));
        }
        case 4: {
            const auto bytes = input.take_bytes(input.take<uint8_t>());
            return host.receive(Octets(bytes.begin(), bytes.end()), piece);
        }
        default:
            return host.receive(controller_pdu(input, host.digests), piece);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    FuzzInput input(data, size);
    const auto options = input.take<uint8_t>();
    const Digests digests{(options & 1) != 0, (options & 2) != 0};
    Host host({.depth = uint16_t(1 + (options >> 4)),
               .header_digest = digests.header,
               .data_digest = digests.data,
               .in_capsule = (options & 4) != 0 ? 4096u : 0u},
              digests);
    host.send(SIZE_MAX);  // ICReq
    if ((options & 8) == 0) host.receive(ic_resp(digests), SIZE_MAX);
    while (!input.empty())
        act(host, input);
    return 0;
}
