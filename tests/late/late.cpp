// SPDX-License-Identifier: BSD-3-Clause
// A disk without data that ends each I/O after a time, or never, that can neither abort nor flush, and that
// counts.
#include <bdevkit/bdevkit.hpp>

#include <atomic>

namespace {

using bdevkit::Io, bdevkit::IoType;

class Late : public bdevkit::Bdev<Late> {
public:
    struct Options {
        bdevkit::Size size;
        bdevkit::Duration time;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(size, "Bytes.").defaults_to("16MiB"),
        BDEVKIT_OPTION(time, "How long each I/O takes; 0: it never ends.").defaults_to("0"),
    };

    struct Channel {
        explicit Channel(Late&) {}
    };
    struct IoContext {
        bdk_poller* timer;
    };

    Late(const char* name, const Options& given) : Bdev(name), time_us_(given.time.ns / 1000) {
        bdev().blocklen = 512;
        bdev().blockcnt = given.size.bytes / 512;
    }

    static constexpr uint64_t io_types = bdevkit::io_types(IoType::read, IoType::write, IoType::unmap);

    void dump_device_stat(bdevkit::Json json) const { json.value("begun", begun_.load()); }
    void reset_device_stat() { begun_ = 0; }

    void submit(Channel&, Io io) {
        ++begun_;
        if (time_us_ == 0) return;
        const auto ends = [](void* arg) {
            const Io ended(static_cast<bdk_bdev_io*>(arg));
            bdk_poller_unregister(&ended.context<IoContext>().timer);
            ended.complete();
            return int{BDK_POLLER_BUSY};
        };
        io.context<IoContext>().timer = bdk_poller_register(ends, io.get(), time_us_, "late");
    }

private:
    uint64_t time_us_;
    std::atomic<uint64_t> begun_{0};
};

}  // namespace

BDEVKIT_MODULE(Late, .name = "late", .version = "1.0.0", .description = "Ends its I/O late, or never",
               .author = "bdevkit", .license = "BSD-3-Clause");
