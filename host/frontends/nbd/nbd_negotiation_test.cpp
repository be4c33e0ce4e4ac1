// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_negotiation.hpp"

#include <gtest/gtest.h>

#include <random>

namespace bdevkit::host::nbd {
namespace {

using Bytes = std::vector<std::byte>;

class Exports : public ExportDirectory {
public:
    std::vector<std::optional<ExportInfo>> all{
        ExportInfo{.name = "top", .description = "the top", .size = 1 << 20, .flags = has_flags | send_flush},
        ExportInfo{.name = "ro", .size = 4096, .flags = has_flags | read_only, .preferred_block = 8192},
    };
    bool structured_replies = true;
    size_t count() const override { return all.size(); }
    bool offers_structured_replies() const override { return structured_replies; }
    std::optional<ExportInfo> info(size_t index) const override { return all[index]; }
};

struct OptionAnswer {
    OptionReply type;
    Bytes data;
};

/// A client that speaks to a Negotiation.
class Client {
public:
    explicit Client(const ExportDirectory& exports) : server(exports) { server.output().swap(greeting); }

    void flags(uint32_t flags) {
        Bytes bytes;
        Writer(bytes).put(flags);
        send(bytes);
    }

    size_t send(const Bytes& bytes) {
        const size_t used = server.feed(bytes);
        Bytes output;
        output.swap(server.output());
        received.insert(received.end(), output.begin(), output.end());
        return used;
    }

    static Bytes option(Option option, const Bytes& data = {}) {
        Bytes bytes;
        Writer(bytes)
            .put(option_magic)
            .put(static_cast<uint32_t>(option))
            .put(static_cast<uint32_t>(data.size()));
        bytes.insert(bytes.end(), data.begin(), data.end());
        return bytes;
    }

    /// Sends an option and parses the replies.
    std::vector<OptionAnswer> ask(Option asked, const Bytes& data = {}) {
        send(option(asked, data));
        return answers(asked);
    }

    std::vector<OptionAnswer> answers(Option asked) {
        const Bytes bytes = std::exchange(received, {});
        Reader in(bytes);
        std::vector<OptionAnswer> answers;
        while (in.left() != 0) {
            EXPECT_EQ(in.take<uint64_t>(), option_reply_magic);
            EXPECT_EQ(in.take<uint32_t>(), static_cast<uint32_t>(asked));
            const auto type = static_cast<OptionReply>(in.take<uint32_t>());
            const auto text = std::as_bytes(std::span(in.take_string(in.take<uint32_t>())));
            EXPECT_TRUE(in.ok());
            answers.push_back({type, Bytes(text.begin(), text.end())});
        }
        return answers;
    }

    Negotiation server;
    Bytes greeting;
    Bytes received;
};

Bytes info_data(std::string_view name, std::vector<uint16_t> wanted = {}) {
    Bytes bytes;
    Writer out(bytes);
    out.put(static_cast<uint32_t>(name.size())).put(name).put(static_cast<uint16_t>(wanted.size()));
    for (const uint16_t item : wanted)
        out.put(item);
    return bytes;
}

Bytes context_data(std::string_view name, std::vector<std::string_view> queries) {
    Bytes bytes;
    Writer out(bytes);
    out.put(static_cast<uint32_t>(name.size())).put(name).put(static_cast<uint32_t>(queries.size()));
    for (const auto query : queries)
        out.put(static_cast<uint32_t>(query.size())).put(query);
    return bytes;
}

Bytes text(std::string_view value) {
    const auto bytes = std::as_bytes(std::span(value));
    return {bytes.begin(), bytes.end()};
}

class NbdNegotiation : public testing::Test {
protected:
    NbdNegotiation() { client.flags(handshake_fixed_newstyle | handshake_no_zeroes); }

    OptionReply only_reply(Option option, const Bytes& data = {}) {
        const auto answers = client.ask(option, data);
        EXPECT_EQ(answers.size(), 1u);
        return answers.empty() ? OptionReply::ack : answers.front().type;
    }

    Exports exports;
    Client client{exports};
};

TEST_F(NbdNegotiation, GreetsAsFixedNewstyle) {
    Bytes expected;
    Writer(expected).put(init_magic).put(option_magic).put(uint16_t{3});
    EXPECT_EQ(client.greeting, expected);
}

TEST_F(NbdNegotiation, GoEntersTransmissionWithTheExportThatWasAskedFor) {
    const auto answers = client.ask(Option::go, info_data("ro", {3}));
    ASSERT_EQ(answers.size(), 3u);
    Reader size(answers[0].data);
    EXPECT_EQ(size.take<uint16_t>(), 0);
    EXPECT_EQ(size.take<uint64_t>(), 4096u);
    EXPECT_EQ(size.take<uint16_t>(), has_flags | read_only);
    Reader blocks(answers[1].data);
    EXPECT_EQ(blocks.take<uint16_t>(), 3);
    EXPECT_EQ(blocks.take<uint32_t>(), 1u);
    EXPECT_EQ(blocks.take<uint32_t>(), 8192u);
    EXPECT_EQ(blocks.take<uint32_t>(), max_payload);
    EXPECT_EQ(answers[2].type, OptionReply::ack);
    EXPECT_EQ(client.server.state(), Negotiation::State::transmission);
    EXPECT_EQ(client.server.choice().export_index, 1u);
    EXPECT_FALSE(client.server.choice().structured_replies);
}

TEST_F(NbdNegotiation, LeavesWhatFollowsTheHandshakeAlone) {
    Bytes bytes = Client::option(Option::go, info_data("top"));
    const size_t handshake = bytes.size();
    bytes.resize(handshake + 28);
    EXPECT_EQ(client.send(bytes), handshake);
}

TEST_F(NbdNegotiation, InfoTellsAndGoesOn) {
    const auto answers = client.ask(Option::info, info_data("top", {1, 2, 77}));
    ASSERT_EQ(answers.size(), 4u);
    EXPECT_EQ(answers[1].data, text(std::string_view("\0\1top", 5)));
    EXPECT_EQ(answers[2].data, text(std::string_view("\0\2the top", 9)));
    EXPECT_EQ(client.server.state(), Negotiation::State::running);
}

TEST_F(NbdNegotiation, TheEmptyNameIsTheFirstExport) {
    client.ask(Option::go, info_data(""));
    EXPECT_EQ(client.server.choice().size, 1u << 20);
}

TEST_F(NbdNegotiation, AnUnknownExportIsAnErrorAndTheClientMayTryAgain) {
    EXPECT_EQ(only_reply(Option::go, info_data("nobody")), OptionReply::err_unknown);
    exports.all[1].reset();
    EXPECT_EQ(only_reply(Option::go, info_data("ro")), OptionReply::err_unknown);
    client.ask(Option::go, info_data("top"));
    EXPECT_EQ(client.server.state(), Negotiation::State::transmission);
}

TEST_F(NbdNegotiation, ListNamesTheLivingExports) {
    auto answers = client.ask(Option::list);
    ASSERT_EQ(answers.size(), 3u);
    EXPECT_EQ(answers[0].type, OptionReply::server);
    EXPECT_EQ(answers[0].data, text(std::string_view("\0\0\0\3topthe top", 14)));
    EXPECT_EQ(answers[2].type, OptionReply::ack);
    exports.all[0].reset();
    EXPECT_EQ(client.ask(Option::list).size(), 2u);
    EXPECT_EQ(only_reply(Option::list, text("x")), OptionReply::err_invalid);
}

TEST_F(NbdNegotiation, OldStyleExportName) {
    client.send(Client::option(Option::export_name, text("top")));
    Bytes expected;
    Writer(expected).put(uint64_t{1 << 20}).put(uint16_t{has_flags | send_flush});
    EXPECT_EQ(client.received, expected);
    EXPECT_EQ(client.server.state(), Negotiation::State::transmission);
}

TEST_F(NbdNegotiation, OldStyleExportNameOfAnOldClientIsPadded) {
    Client old(exports);
    old.flags(handshake_fixed_newstyle);
    old.send(Client::option(Option::export_name, text("top")));
    EXPECT_EQ(old.received.size(), 10u + 124u);
}

TEST_F(NbdNegotiation, OldStyleExportNameThatIsUnknownCloses) {
    client.send(Client::option(Option::export_name, text("nobody")));
    EXPECT_EQ(client.server.state(), Negotiation::State::closed);
    EXPECT_FALSE(client.server.error().empty());
    EXPECT_TRUE(client.received.empty());
}

TEST_F(NbdNegotiation, AbortIsAcknowledgedAndIsNoError) {
    EXPECT_EQ(only_reply(Option::abort), OptionReply::ack);
    EXPECT_EQ(client.server.state(), Negotiation::State::closed);
    EXPECT_TRUE(client.server.error().empty());
}

TEST_F(NbdNegotiation, StructuredRepliesBringDf) {
    EXPECT_EQ(only_reply(Option::structured_reply, text("x")), OptionReply::err_invalid);
    EXPECT_EQ(only_reply(Option::structured_reply), OptionReply::ack);
    client.ask(Option::go, info_data("top"));
    EXPECT_TRUE(client.server.choice().structured_replies);
    EXPECT_TRUE(client.server.choice().flags & send_df);
}

TEST_F(NbdNegotiation, StructuredRepliesMayBeRefused) {
    exports.structured_replies = false;
    EXPECT_EQ(only_reply(Option::structured_reply), OptionReply::err_unsup);
    EXPECT_EQ(only_reply(Option::set_meta_context, context_data("top", {"base:allocation"})),
              OptionReply::err_invalid);
    client.ask(Option::go, info_data("top"));
    EXPECT_FALSE(client.server.choice().structured_replies);
    EXPECT_FALSE(client.server.choice().flags & send_df);
}

TEST_F(NbdNegotiation, MetaContexts) {
    const Bytes base = context_data("top", {"base:allocation", "qemu:dirty-bitmap:x"});
    EXPECT_EQ(only_reply(Option::set_meta_context, base), OptionReply::err_invalid)
        << "before structured replies";
    client.ask(Option::structured_reply);
    EXPECT_EQ(client.ask(Option::list_meta_context, context_data("top", {})).size(), 2u);
    EXPECT_EQ(client.ask(Option::list_meta_context, context_data("top", {"base:"})).size(), 2u);
    EXPECT_EQ(only_reply(Option::set_meta_context, context_data("top", {"base:"})), OptionReply::ack);
    EXPECT_EQ(only_reply(Option::set_meta_context, context_data("nobody", {})), OptionReply::err_unknown);
    const auto answers = client.ask(Option::set_meta_context, base);
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_EQ(answers[0].data, text(std::string_view("\0\0\0\0base:allocation", 19)));
    client.ask(Option::go, info_data("top"));
    EXPECT_TRUE(client.server.choice().base_allocation);
}

TEST_F(NbdNegotiation, AMetaContextHoldsForItsExportOnly) {
    client.ask(Option::structured_reply);
    client.ask(Option::set_meta_context, context_data("top", {"base:allocation"}));
    client.ask(Option::go, info_data("ro"));
    EXPECT_FALSE(client.server.choice().base_allocation);
}

TEST_F(NbdNegotiation, WhatItDoesNotKnowItRefusesAndGoesOn) {
    EXPECT_EQ(only_reply(Option::starttls), OptionReply::err_unsup);
    EXPECT_EQ(only_reply(static_cast<Option>(11)), OptionReply::err_unsup);
    EXPECT_EQ(only_reply(static_cast<Option>(0xffffffff), text("some data")), OptionReply::err_unsup);
    EXPECT_EQ(client.server.state(), Negotiation::State::running);
}

TEST_F(NbdNegotiation, LengthsThatDisagreeAreInvalid) {
    Bytes cut = info_data("top", {1, 2});
    cut.pop_back();
    EXPECT_EQ(only_reply(Option::go, cut), OptionReply::err_invalid);
    Bytes longer = info_data("top");
    longer.push_back(std::byte{0});
    EXPECT_EQ(only_reply(Option::info, longer), OptionReply::err_invalid);
    EXPECT_EQ(only_reply(Option::go), OptionReply::err_invalid);
    client.ask(Option::structured_reply);
    Bytes queries = context_data("top", {"base:allocation"});
    queries[10] = std::byte{0xff};
    EXPECT_EQ(only_reply(Option::set_meta_context, queries), OptionReply::err_invalid);
    EXPECT_EQ(only_reply(Option::info, info_data(std::string(max_string + 1, 'n'))),
              OptionReply::err_too_big);
}

TEST_F(NbdNegotiation, OversizedOptionsAreSkippedOrEndTheConnection) {
    EXPECT_EQ(only_reply(Option::list, Bytes(Negotiation::max_option_length + 1)), OptionReply::err_too_big);
    EXPECT_EQ(only_reply(Option::list, Bytes(1 << 20)), OptionReply::err_too_big);
    EXPECT_EQ(client.server.state(), Negotiation::State::running);
    Bytes header;
    Writer(header).put(option_magic).put(static_cast<uint32_t>(Option::list)).put(uint32_t{0xffffffff});
    client.send(header);
    EXPECT_EQ(client.server.state(), Negotiation::State::closed);
}

TEST_F(NbdNegotiation, WrongMagicAndUnknownFlagsClose) {
    client.send(Bytes(16));
    EXPECT_EQ(client.server.state(), Negotiation::State::closed);
    Client strange(exports);
    strange.flags(1u << 7);
    EXPECT_EQ(strange.server.state(), Negotiation::State::closed);
    Client old(exports);
    old.flags(0);
    old.ask(Option::list);
    EXPECT_EQ(old.server.state(), Negotiation::State::closed) << "only EXPORT_NAME without fixed newstyle";
}

TEST_F(NbdNegotiation, OutputIsBounded) {
    const Bytes list = Client::option(Option::list);
    Bytes many;
    for (int i = 0; i < 100000; ++i)
        many.insert(many.end(), list.begin(), list.end());
    const size_t used = client.server.feed(many);
    EXPECT_LT(used, many.size());
    EXPECT_LT(client.server.output().size(), 80u << 10);
    client.server.output().clear();
    EXPECT_GT(client.server.feed(std::span(many).subspan(used)), 0u);
}

TEST_F(NbdNegotiation, ByteByByteIsTheSame) {
    Bytes bytes;
    for (const auto& part : {Client::option(Option::structured_reply), Client::option(Option::list),
                             Client::option(Option::starttls), Client::option(Option::list, Bytes(70000)),
                             Client::option(Option::go, info_data("ro", {3}))}) {
        bytes.insert(bytes.end(), part.begin(), part.end());
    }
    Client other(exports);
    other.flags(handshake_fixed_newstyle | handshake_no_zeroes);
    for (const std::byte byte : bytes)
        EXPECT_EQ(other.send({byte}), 1u);
    client.send(bytes);
    EXPECT_EQ(client.received, other.received);
    EXPECT_EQ(other.server.state(), Negotiation::State::transmission);
}

TEST_F(NbdNegotiation, SurvivesNoise) {
    std::mt19937 random(1);
    const std::vector<Bytes> parts{
        Client::option(Option::go, info_data("ro", {3})), Client::option(Option::structured_reply),
        Client::option(Option::set_meta_context, context_data("top", {"base:allocation"})),
        Client::option(Option::list)};
    for (int round = 0; round < 20000; ++round) {
        Negotiation server(exports);
        Bytes bytes{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{3}};
        for (int i = 0; i < 3; ++i) {
            const Bytes& part = parts[random() % parts.size()];
            bytes.insert(bytes.end(), part.begin(), part.end());
        }
        for (int i = 0; i < 4; ++i)
            bytes[random() % bytes.size()] = std::byte(random());
        for (size_t at = 0; at < bytes.size() && server.state() == Negotiation::State::running;) {
            const size_t n = std::min<size_t>(bytes.size() - at, 1 + random() % 40);
            at += server.feed(std::span(bytes).subspan(at, n));
            server.output().clear();
        }
    }
}

}  // namespace
}  // namespace bdevkit::host::nbd
