{%- set class = cookiecutter.name.replace('-', '_').title().replace('_', '') ~ 'Disk' -%}
{%- set kinds = cookiecutter.io_types.replace(' ', '').split(',') -%}
{%- set all = 'all' in kinds -%}
{%- set context = cookiecutter.context == 'yes' -%}
{%- set zeroing = [] -%}
{%- for kind in ['unmap', 'write_zeroes'] if all or kind in kinds -%}{%- set _ = zeroing.append(kind) -%}{%- endfor -%}
{%- set flush = all or 'flush' in kinds -%}
// SPDX-License-Identifier: {{cookiecutter.license}}
// {{cookiecutter.name}}: a disk. I/O is queued on the thread's channel and done in the next turn of the
// reactor, as on a real device. medium.hpp stores the data.
#include <bdevkit/bdevkit.hpp>
#include <bdevkit/io_batch.hpp>
#include <bdevkit/iov_cursor.hpp>

#include "medium.hpp"

namespace {

using bdevkit::Error;
using bdevkit::Io;
using bdevkit::IoStatus;
using bdevkit::IoType;

class {{class}} : public bdevkit::Bdev<{{class}}> {
public:
    struct Options {
        bdevkit::Size size;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(size, "Bytes on the disk, a multiple of 512.").required().min(512),
    };
    static constexpr const char* product_name = "{{cookiecutter.name}} disk";
    static constexpr uint64_t io_types = bdevkit::io_types(
        IoType::read, IoType::write, {% if flush %}IoType::flush, {% endif %}{% for kind in zeroing %}IoType::{{kind}}, {% endfor %}IoType::reset, IoType::abort);
{%- if context %}

    /// The context of each I/O, from submit() to its end.
    struct IoContext {
        uint64_t begun;  ///< ticks
    };
{%- endif %}

    /// The state of each thread.
    struct Channel {
        explicit Channel({{class}}& disk) : batch(disk, disk.name()) {}
        bdevkit::IoBatch<{{class}}> batch;
    };

    {{class}}(const char* name, const Options& given) : Bdev(name), medium_(given.size) {
        if (given.size % block_size != 0)
            throw Error(EINVAL, bdevkit::format("size is not a multiple of %u", block_size));
        bdev().blocklen = block_size;
        bdev().blockcnt = given.size / block_size;
        // The core splits longer I/O, so that no I/O holds up the reactor.
        bdev().max_rw_size = bdev().max_unmap = bdev().max_write_zeroes = longest / block_size;
    }

    /// [channel's thread] Starts an I/O.
    void submit(Channel& ch, Io io) {
{%- if context %}
        io.context<IoContext>().begun = bdk_get_ticks();
{%- endif %}
        switch (io.type()) {
            case IoType::read:
                return with_buffer<&{{class}}::queue>(io);
            case IoType::abort:
                return io.complete(ch.batch.abort(io->u.abort.bio_to_abort) ? IoStatus::success
                                                                            : IoStatus::failed);
            default:
                return queue(ch, io);
        }
    }

    /// [channel's thread] Prepares for an I/O that is done soon.
    void prepare(Io) {}

    /// [channel's thread] Does a queued I/O; the batch completes it.
    void work(Io io) {
        const uint64_t offset = io.offset_blocks() * block_size, length = io.num_blocks() * block_size;
        switch (io.type()) {
            case IoType::read:
                bdevkit::IovCursor(io.iovs().data()).write(medium_.at(offset), length);
                break;
            case IoType::write:
                bdevkit::IovCursor(io.iovs().data()).read(medium_.at(offset), length);
                break;
{%- if zeroing %}
{%- for kind in zeroing %}
            case IoType::{{kind}}:
{%- endfor %}
                medium_.zero(offset, length);
                break;
{%- endif %}
            default:  // {% if flush %}flush: nothing is cached; {% endif %}reset: all earlier I/O is done
                break;
        }
{%- if context %}
        log_end(io);
{%- endif %}
    }

private:
    static constexpr uint32_t block_size = 512;
    static constexpr uint32_t longest = 1 << 20;

    void queue(Channel& ch, Io io) { ch.batch.add(io); }
{%- if context %}

    void log_end(Io io) const {
        const uint64_t ticks = bdk_get_ticks() - io.context<IoContext>().begun;
        BDK_DEBUGLOG("%s: %s done after %.1f us", name(), bdk_bdev_io_type_name(io->type),
                     double(ticks) * 1e6 / double(bdk_get_ticks_hz()));
    }
{%- endif %}

    Medium medium_;
};

}  // namespace

BDEVKIT_MODULE({{class}}, .name = "{{cookiecutter.name}}", .version = "0.1.0",
               .description = "{{cookiecutter.description.replace('\\', '\\\\').replace('"', '\\"').replace('?', '\\?')}}",
               .author = "{{cookiecutter.author.replace('\\', '\\\\').replace('"', '\\"').replace('?', '\\?')}}",
               .license = "{{cookiecutter.license}}");
