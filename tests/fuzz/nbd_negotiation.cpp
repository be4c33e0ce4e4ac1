// SPDX-License-Identifier: BSD-3-Clause
// The handshake of an NBD client, in pieces of any length. First byte: the exports' structured replies;
// second byte: the length of the pieces; then what the client sends.
#include "frontends/nbd/nbd_negotiation.hpp"

#include "fuzz_input.hpp"

using namespace bdk::fuzz;
using namespace bdevkit::host::nbd;

namespace {

class Exports final : public ExportDirectory {
public:
    explicit Exports(bool structured_replies) : structured_replies_(structured_replies) {}

    size_t count() const override { return 3; }
    std::optional<ExportInfo> info(size_t index) const override {
        if (index == 0) return ExportInfo{"disk", "the first", 1 << 20, has_flags | send_flush, 4096};
        if (index == 1) return ExportInfo{"", "", 513, has_flags | read_only, 512};
        return std::nullopt;  // it has gone
    }
    bool offers_structured_replies() const override { return structured_replies_; }

private:
    bool structured_replies_;
};

constexpr size_t option_reply_size = 20;
constexpr size_t greeting_size = 18;
/// The answer to NBD_OPT_EXPORT_NAME, which does not have the form of a reply: with the zeroes and without.
constexpr size_t granted_sizes[] = {134, 10};

/// Output is a sequence of option replies, and an export's description may end it.
void check_output(Bytes output, bool chosen) {
    while (output.size() >= option_reply_size && load_be<uint64_t>(output.data()) == option_reply_magic) {
        const uint32_t length = load_be<uint32_t>(output.data() + 16);
        must_hold(length <= output.size() - option_reply_size, "a reply is as long as it says");
        output = output.subspan(option_reply_size + length);
    }
    const bool granted = output.size() == granted_sizes[0] || output.size() == granted_sizes[1];
    must_hold(output.empty() || (chosen && granted), "what is sent are replies");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    FuzzInput input(data, size);
    const Exports exports((input.take<uint8_t>() & 1) != 0);
    const size_t piece_size = input.take<uint8_t>() + size_t{1};
    Negotiation negotiation(exports);
    must_hold(negotiation.output().size() == greeting_size, "the greeting is there at once");
    negotiation.output().clear();
    for (Bytes left = input.take_rest();
         !left.empty() && negotiation.state() == Negotiation::State::running;) {
        const Bytes piece = left.first(std::min(piece_size, left.size()));
        const size_t used = negotiation.feed(piece);
        must_hold(used <= piece.size(), "no more is used than is given");
        must_hold(used == piece.size() || negotiation.state() != Negotiation::State::running ||
                      !negotiation.output().empty(),
                  "all is used, unless there is something to send or the handshake has ended");
        check_output(negotiation.output(), negotiation.state() == Negotiation::State::transmission);
        negotiation.output().clear();
        left = left.subspan(used);
    }
    if (negotiation.state() == Negotiation::State::transmission)
        must_hold(negotiation.choice().export_index < 2, "an export that is there is chosen");
    return 0;
}
