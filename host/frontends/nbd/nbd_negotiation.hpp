// SPDX-License-Identifier: BSD-3-Clause
// The handshake of one client as a state machine over bytes, without socket, bdev or clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frontends/nbd/nbd_protocol.hpp"

namespace bdevkit::host::nbd {

/// The information about an export for a client.
struct ExportInfo {
    std::string name;
    std::string description;
    uint64_t size = 0;                ///< bytes
    uint16_t flags = has_flags;       ///< TransmissionFlag, without send_df
    uint32_t preferred_block = 4096;  ///< bytes
};

/// The exports that a client may choose from. The first one also answers to the empty name.
class ExportDirectory {
public:
    virtual ~ExportDirectory() = default;
    virtual size_t count() const = 0;
    /// The current information about the export; empty once it has been removed.
    virtual std::optional<ExportInfo> info(size_t index) const = 0;
    /// Whether clients may use structured replies. They ask before they choose an export.
    virtual bool offers_structured_replies() const = 0;
};

class Negotiation {
public:
    enum class State {
        running,
        transmission,  ///< the client has chosen: see choice()
        closed,  ///< send the output, then close; error() has the reason, unless the client requested it
    };

    struct Choice {
        size_t export_index = 0;
        uint64_t size = 0;
        uint16_t flags = 0;
        bool structured_replies = false;
        bool base_allocation = false;
    };

    /// Puts the greeting into output(). `exports` must outlive this object.
    explicit Negotiation(const ExportDirectory& exports);

    /// Processes bytes from the client. @return the number of bytes used: fewer than given when the handshake
    /// has ended, or when so much output waits that it has to be sent first
    size_t feed(std::span<const std::byte> input);

    /// The bytes to send; the caller removes them.
    std::vector<std::byte>& output() noexcept { return output_; }

    State state() const noexcept { return state_; }
    const Choice& choice() const noexcept { return choice_; }
    const std::string& error() const noexcept { return error_; }

    /// Options longer than this are refused and skipped.
    static constexpr uint32_t max_option_length = 64u << 10;
    /// Options longer than this end the connection.
    static constexpr uint32_t max_skipped_length = 64u << 20;

private:
    enum class Stage { client_flags, option_header, option_data, skipped_data };
    using Bytes = std::span<const std::byte>;

    void expect(Stage stage, size_t bytes);
    void next_option();
    void on_client_flags();
    void on_option_header();
    void on_option();
    void on_export_name(Bytes data);
    void on_list(Bytes data);
    void on_info(Bytes data);
    void on_structured_reply(Bytes data);
    void on_meta_context(Bytes data);
    void close(std::string why);

    /// Starts a reply to the current option; `length` bytes must follow.
    Writer reply(OptionReply type, size_t length);
    void reply_error(OptionReply type, std::string_view text);
    void ack() { reply(OptionReply::ack, 0); }

    std::optional<size_t> find(std::string_view name) const;
    void choose(size_t index, const ExportInfo& info);
    uint16_t flags_for_client(const ExportInfo& info) const;

    const ExportDirectory& exports_;
    State state_ = State::running;
    Stage stage_ = Stage::client_flags;
    size_t need_ = 0;               ///< bytes of the current stage
    std::vector<std::byte> input_;  ///< received bytes of the current stage
    std::vector<std::byte> output_;
    Option option_{};
    uint32_t option_length_ = 0;
    bool fixed_newstyle_ = false;
    bool no_zeroes_ = false;
    bool structured_replies_ = false;
    std::optional<size_t> context_export_;  ///< the export for which base:allocation was selected
    Choice choice_;
    std::string error_;
};

}  // namespace bdevkit::host::nbd
