// SPDX-License-Identifier: BSD-3-Clause
#include "frontends/nbd/nbd_negotiation.hpp"

#include <algorithm>

namespace bdevkit::host::nbd {

namespace {

/// With this much unsent output, no further option is parsed.
constexpr size_t output_limit = 64u << 10;
constexpr std::string_view base_allocation = "base:allocation";
constexpr uint32_t base_allocation_id = 0;

bool context_matches(std::string_view query, bool listing) {
    return query == base_allocation || (listing && query == "base:");
}

}  // namespace

Negotiation::Negotiation(const ExportDirectory& exports) : exports_(exports) {
    Writer(output_)
        .put(init_magic)
        .put(option_magic)
        .put<uint16_t>(handshake_fixed_newstyle | handshake_no_zeroes);
    expect(Stage::client_flags, sizeof(uint32_t));
}

void Negotiation::expect(Stage stage, size_t bytes) {
    stage_ = stage;
    need_ = bytes;
    input_.clear();
}

void Negotiation::next_option() {
    expect(Stage::option_header, option_header_size);
}

void Negotiation::close(std::string why) {
    state_ = State::closed;
    error_ = std::move(why);
}

size_t Negotiation::feed(Bytes input) {
    size_t used = 0;
    while (state_ == State::running && output_.size() < output_limit) {
        const size_t n =
            std::min(need_ - (stage_ == Stage::skipped_data ? 0 : input_.size()), input.size() - used);
        if (stage_ == Stage::skipped_data) {
            need_ -= n;
        } else {
            input_.insert(input_.end(), input.begin() + used, input.begin() + used + n);
        }
        used += n;

        const bool complete = stage_ == Stage::skipped_data ? need_ == 0 : input_.size() == need_;
        if (!complete) break;
        switch (stage_) {
            case Stage::client_flags:
                on_client_flags();
                break;
            case Stage::option_header:
                on_option_header();
                break;
            case Stage::option_data:
                on_option();
                break;
            case Stage::skipped_data:
                reply_error(OptionReply::err_too_big, "options of up to 64 KiB are accepted");
                next_option();
                break;
        }
    }
    return used;
}

void Negotiation::on_client_flags() {
    const uint32_t flags = load_be<uint32_t>(input_.data());
    if ((flags & ~uint32_t{handshake_fixed_newstyle | handshake_no_zeroes}) != 0) {
        return close("the client set handshake flags that the server did not offer");
    }
    fixed_newstyle_ = (flags & handshake_fixed_newstyle) != 0;
    no_zeroes_ = (flags & handshake_no_zeroes) != 0;
    next_option();
}

void Negotiation::on_option_header() {
    Reader header(input_);
    if (header.take<uint64_t>() != option_magic)
        return close("an option did not start with its magic number");
    option_ = static_cast<Option>(header.take<uint32_t>());
    option_length_ = header.take<uint32_t>();
    if (option_ != Option::export_name && !fixed_newstyle_) {
        return close("the client sent options without having accepted fixed newstyle");
    }
    if (option_length_ > max_skipped_length) return close("an option claims to be longer than 64 MiB");
    if (option_length_ > max_option_length) {
        if (option_ == Option::export_name) return close("an export name is longer than 4096 bytes");
        return expect(Stage::skipped_data, option_length_);
    }
    expect(Stage::option_data, option_length_);
}

void Negotiation::on_option() {
    const std::vector<std::byte> data = std::move(input_);
    next_option();
    switch (option_) {
        case Option::export_name:
            return on_export_name(data);
        case Option::abort:
            ack();
            return close({});
        case Option::list:
            return on_list(data);
        case Option::info:
        case Option::go:
            return on_info(data);
        case Option::structured_reply:
            return on_structured_reply(data);
        case Option::list_meta_context:
        case Option::set_meta_context:
            return on_meta_context(data);
        case Option::starttls:
            return reply_error(OptionReply::err_unsup, "this server has no TLS");
    }
    reply_error(OptionReply::err_unsup, "this server does not know the option");
}

void Negotiation::on_export_name(Bytes data) {
    const std::string_view name = Reader(data).take_string(data.size());
    const auto index = name.size() <= max_string ? find(name) : std::nullopt;
    const auto info = index ? exports_.info(*index) : std::nullopt;
    // The protocol has no error reply to this option.
    if (!info) return close("the client asked for an export that does not exist");
    Writer out(output_);
    out.put(info->size).put(flags_for_client(*info));
    if (!no_zeroes_) out.zeroes(124);
    choose(*index, *info);
}

void Negotiation::on_list(Bytes data) {
    if (!data.empty()) return reply_error(OptionReply::err_invalid, "this option carries no data");
    for (size_t i = 0; i < exports_.count(); ++i) {
        const auto info = exports_.info(i);
        if (!info) continue;
        reply(OptionReply::server, sizeof(uint32_t) + info->name.size() + info->description.size())
            .put(static_cast<uint32_t>(info->name.size()))
            .put(info->name)
            .put(info->description);
    }
    ack();
}

void Negotiation::on_info(Bytes data) {
    Reader in(data);
    const uint32_t name_length = in.take<uint32_t>();
    const std::string_view name = in.take_string(name_length);
    const uint16_t requests = in.take<uint16_t>();
    bool want_name = false;
    bool want_description = false;
    bool want_block_size = false;
    for (uint16_t i = 0; i < requests && in.ok(); ++i) {
        const auto wanted = static_cast<Info>(in.take<uint16_t>());
        want_name |= wanted == Info::name;
        want_description |= wanted == Info::description;
        want_block_size |= wanted == Info::block_size;
    }
    if (!in.ok() || in.left() != 0)
        return reply_error(OptionReply::err_invalid, "the option's lengths disagree");
    if (name.size() > max_string) return reply_error(OptionReply::err_too_big, "names have up to 4096 bytes");

    const auto index = find(name);
    const auto info = index ? exports_.info(*index) : std::nullopt;
    if (!info) return reply_error(OptionReply::err_unknown, "there is no export of that name");

    reply(OptionReply::info, 12)
        .put(static_cast<uint16_t>(Info::export_))
        .put(info->size)
        .put(flags_for_client(*info));
    if (want_name) {
        reply(OptionReply::info, 2 + info->name.size())
            .put(static_cast<uint16_t>(Info::name))
            .put(info->name);
    }
    if (want_description && !info->description.empty()) {
        reply(OptionReply::info, 2 + info->description.size())
            .put(static_cast<uint16_t>(Info::description))
            .put(info->description);
    }
    if (want_block_size) {
        reply(OptionReply::info, 14)
            .put(static_cast<uint16_t>(Info::block_size))
            .put(uint32_t{1})
            .put(info->preferred_block)
            .put(max_payload);
    }
    ack();
    if (option_ == Option::go) choose(*index, *info);
}

void Negotiation::on_structured_reply(Bytes data) {
    if (!data.empty()) return reply_error(OptionReply::err_invalid, "this option carries no data");
    // Answered like a server that does not know structured replies, so that every client continues without
    // them.
    if (!exports_.offers_structured_replies())
        return reply_error(OptionReply::err_unsup, "the stack does not offer structured replies");
    structured_replies_ = true;
    ack();
}

void Negotiation::on_meta_context(Bytes data) {
    const bool listing = option_ == Option::list_meta_context;
    if (!listing) context_export_.reset();  // a failed selection leaves none
    if (!structured_replies_) {
        return reply_error(OptionReply::err_invalid, "metadata contexts need structured replies first");
    }
    Reader in(data);
    const uint32_t name_length = in.take<uint32_t>();
    const std::string_view name = in.take_string(name_length);
    const uint32_t queries = in.take<uint32_t>();
    bool matched = listing && queries == 0;
    for (uint32_t i = 0; i < queries && in.ok(); ++i) {
        const uint32_t length = in.take<uint32_t>();
        matched |= context_matches(in.take_string(length), listing);
    }
    if (!in.ok() || in.left() != 0)
        return reply_error(OptionReply::err_invalid, "the option's lengths disagree");
    const auto index = find(name);
    if (!index || !exports_.info(*index)) {
        return reply_error(OptionReply::err_unknown, "there is no export of that name");
    }
    if (matched) {
        reply(OptionReply::meta_context, sizeof(uint32_t) + base_allocation.size())
            .put(base_allocation_id)
            .put(base_allocation);
        if (!listing) context_export_ = index;
    }
    ack();
}

Writer Negotiation::reply(OptionReply type, size_t length) {
    Writer out(output_);
    out.put(option_reply_magic)
        .put(static_cast<uint32_t>(option_))
        .put(static_cast<uint32_t>(type))
        .put(static_cast<uint32_t>(length));
    return out;
}

void Negotiation::reply_error(OptionReply type, std::string_view text) {
    reply(type, text.size()).put(text);
}

std::optional<size_t> Negotiation::find(std::string_view name) const {
    for (size_t i = 0; i < exports_.count(); ++i) {
        const auto info = exports_.info(i);
        if (info && info->name == name) return i;
    }
    if (!name.empty() || exports_.count() == 0) return std::nullopt;
    return 0;
}

uint16_t Negotiation::flags_for_client(const ExportInfo& info) const {
    return structured_replies_ ? info.flags | send_df : info.flags;
}

void Negotiation::choose(size_t index, const ExportInfo& info) {
    choice_ = Choice{
        .export_index = index,
        .size = info.size,
        .flags = flags_for_client(info),
        .structured_replies = structured_replies_,
        .base_allocation = context_export_ == index,
    };
    state_ = State::transmission;
}

}  // namespace bdevkit::host::nbd
