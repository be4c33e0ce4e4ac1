// SPDX-License-Identifier: BSD-3-Clause
// error: a virtual bdev that fails, corrupts or holds the I/O that its rule matches; the rest goes to the
// base.
#include <bdevkit/bdevkit.hpp>
#include <bdevkit/iov_cursor.hpp>

#include <atomic>
#include <mutex>
#include <vector>

#include "rule.hpp"

namespace {

using bdevkit::Io;
using bdevkit::IoStatus;
using bdevkit::IoType;

constexpr const char* action_names[] = {"pass", "fail", "corrupt", "hold", nullptr};
constexpr const char* outcome_names[] = {"failed",  "nvme",  "aio",  "miscompare", "first_fused_failed",
                                         "aborted", "nomem", nullptr};
/// In the order of IoType.
constexpr const char* type_names[] = {"all",
                                      "read",
                                      "write",
                                      "unmap",
                                      "flush",
                                      "reset",
                                      "nvme_admin",
                                      "nvme_io",
                                      "nvme_io_md",
                                      "write_zeroes",
                                      "zcopy",
                                      "get_zone_info",
                                      "zone_management",
                                      "zone_append",
                                      "compare",
                                      "compare_and_write",
                                      "abort",
                                      "seek_hole",
                                      "seek_data",
                                      "copy",
                                      "nvme_iov_md",
                                      nullptr};

class ErrorBdev : public bdevkit::VirtualBdev<ErrorBdev> {
public:
    using Options = ErrorOptions;
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(base, "The bdev that gets all other I/O; claimed for writing.").required().claimed(),
        BDEVKIT_OPTION(action, "What happens to I/O that is struck: pass strikes nothing.")
            .one_of(action_names)
            .defaults_to("pass"),
        BDEVKIT_OPTION(io_types, "Types to strike; by default all except reset and abort.")
            .one_of(type_names),
        BDEVKIT_OPTION(offset, "First byte of the range to strike."),
        BDEVKIT_OPTION(length, "Bytes of the range; 0: to the end."),
        BDEVKIT_OPTION(every, "Strikes every n-th I/O that matches.").defaults_to("1").min(1),
        BDEVKIT_OPTION(count, "Number of I/Os to strike; 0: no limit."),
        BDEVKIT_OPTION(status, "fail: the status of the I/O.").one_of(outcome_names).defaults_to("failed"),
        BDEVKIT_OPTION(nvme_sct, "status nvme: the status code type.").defaults_to("2").max(7),
        BDEVKIT_OPTION(nvme_sc, "status nvme: the status code.").defaults_to("129").max(255),
        BDEVKIT_OPTION(aio_errno, "status aio: the errno.").defaults_to("5").min(1).max(4095),
        BDEVKIT_OPTION(corrupt_xor, "corrupt: what each byte of the range is XORed with.")
            .defaults_to("255")
            .min(1)
            .max(255),
    };

    struct Channel : VirtualBdev::Channel {
        explicit Channel(ErrorBdev& bdev) : VirtualBdev::Channel(bdev), rule(bdev.rule()) {}
        Rule rule;
        std::vector<Io> held;
    };

    /// The context of a read or write that is corrupted.
    struct IoContext {
        ByteRange range;  ///< range of its data
        std::byte mask;
        iovec copy;  ///< a copy of the data of a write
    };

    ErrorBdev(const char* name, const Options& given) : VirtualBdev(name, given.base), rule_(given) {}

    /// Without zcopy, which would bypass the rules for reads and writes; with abort, for held I/O.
    bool io_type_supported(IoType type) const {
        if (type == IoType::abort) return true;
        return type != IoType::zcopy && VirtualBdev::io_type_supported(type);
    }

    void submit(Channel& ch, Io io) {
        if (ch.rule.matches(io, bdev().blocklen) && strikes(ch.rule)) return strike(ch, io);
        if (io.type() == IoType::reset) return reset(ch, io);
        if (io.type() == IoType::abort && release_one(ch, Io(io->u.abort.bio_to_abort))) return io.complete();
        forward(ch, io);
    }

    /// Held I/O goes on to the base.
    void reconfigure(const Options& given, bdevkit::Reconfiguration change) {
        install(
            Rule(given), [](Channel& ch, Io io) { forward(ch, io); }, [change] { change.finish(); });
    }

    void on_remove() {
        install(
            Rule(), [](Channel&, Io io) { io.complete(IoStatus::aborted); }, [] {});
    }

    void dump_info(bdevkit::Json json) const {
        json.value("action", action_names[size_t(rule().action())]);
        json.value("matched", matched_.load());
        json.value("struck", struck_.load());
        json.value("held", held_.load());
    }

private:
    Rule rule() const {
        const std::scoped_lock lock(mutex_);
        return rule_;
    }

    /// Sets the rule of every channel and calls release(channel, io) for each held I/O; then calls done().
    template <class Release, class Done>
    void install(const Rule& rule, Release release, Done done) {
        {
            const std::scoped_lock lock(mutex_);
            rule_ = rule;
        }
        matched_ = struck_ = 0;
        for_each_channel(
            [this, rule, release](Channel& ch) {
                ch.rule = rule;
                release_all(ch, release);
            },
            done);
    }

    template <class Release>
    void release_all(Channel& ch, Release release) {
        held_ -= ch.held.size();
        for (Io io : std::exchange(ch.held, {}))
            release(ch, io);
    }

    bool release_one(Channel& ch, Io io) {
        if (std::erase(ch.held, io) == 0) return false;
        held_--;
        io.complete(IoStatus::aborted);
        return true;
    }

    /// Aborts the held I/O of every channel, then resets the base.
    void reset(Channel& ch, Io io) {
        for_each_channel(
            [this](Channel& each) {
                release_all(each, [](Channel&, Io held) { held.complete(IoStatus::aborted); });
            },
            [&ch, io] { forward(ch, io); });
    }

    /// Counts an I/O that matches.
    bool strikes(const Rule& rule) {
        if (++matched_ % rule.every() != 0) return false;
        uint64_t struck = struck_;
        do {
            if (rule.count() != 0 && struck >= rule.count()) return false;
        } while (!struck_.compare_exchange_weak(struck, struck + 1));
        return true;
    }

    void strike(Channel& ch, Io io) {
        switch (ch.rule.action()) {
            case Action::hold:
                held_++;
                return ch.held.push_back(io);
            case Action::corrupt:
                io.context<IoContext>() = {ch.rule.of_data(io, bdev().blocklen), ch.rule.corrupt_xor(), {}};
                return io.type() == IoType::read ? forward_then<&ErrorBdev::corrupt_read>(ch, io)
                                                 : corrupt_write(ch, io);
            default:
                return ch.rule.fail(io);
        }
    }

    static void corrupt(const IoContext& context, const iovec* iovs) {
        bdevkit::IovCursor cursor(iovs);
        cursor.skip(context.range.begin);
        cursor.take(context.range.end - context.range.begin, [&](std::byte* bytes, size_t length) {
            for (size_t i = 0; i < length; i++)
                bytes[i] ^= context.mask;
        });
    }

    void corrupt_read(Io io, bool success) {
        if (success) corrupt(io.context<IoContext>(), io.iovs().data());
        io.complete_like(io);
    }

    /// Writes a copy, so that the client's buffer stays unchanged.
    void corrupt_write(Channel& ch, Io io) {
        auto& context = io.context<IoContext>();
        const uint64_t length = io.num_blocks() * bdev().blocklen;
        context.copy = {bdk_dma_malloc(length, 4096, BDK_NUMA_ANY), length};
        if (context.copy.iov_base == nullptr) return io.complete(IoStatus::nomem);
        bdevkit::IovCursor(io.iovs().data()).read(static_cast<std::byte*>(context.copy.iov_base), length);
        corrupt(context, &context.copy);
        bdk_bdev_io_opts opts{};
        opts.size = sizeof(opts);
        opts.flags = io->u.bdev.flags & BDK_BDEV_IO_FUA;
        opts.md_buf = io->u.bdev.md_buf;
        constexpr uint32_t all_checks = BDK_DIF_CHECK_GUARD | BDK_DIF_CHECK_APPTAG | BDK_DIF_CHECK_REFTAG;
        opts.dif_check_flags_exclude = all_checks & ~io->u.bdev.dif_check_flags;
        const int rc = bdk_bdev_writev_blocks(ch.base_desc, ch.base.get(), &context.copy, 1,
                                              io.offset_blocks(), io.num_blocks(), &opts, written, io.get());
        if (rc == 0) return;
        bdk_dma_free(context.copy.iov_base);
        io.complete_errno(rc);
    }

    static void written(bdk_bdev_io* base_io, bool, void* arg) noexcept {
        const Io io(static_cast<bdk_bdev_io*>(arg));
        bdk_dma_free(io.context<IoContext>().copy.iov_base);
        io.complete_like(Io(base_io));
        bdk_bdev_free_io(base_io);
    }

    mutable std::mutex mutex_;
    Rule rule_;
    std::atomic<uint64_t> matched_{0}, struck_{0}, held_{0};
};

}  // namespace

BDEVKIT_MODULE(ErrorBdev, .name = "error", .version = "1.0.0",
               .description = "Fails, corrupts or holds chosen I/O", .author = "bdevkit",
               .license = "BSD-3-Clause");
