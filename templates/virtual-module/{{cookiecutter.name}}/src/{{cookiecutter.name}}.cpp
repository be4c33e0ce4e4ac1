{%- set class = cookiecutter.name.replace('-', '_').title().replace('_', '') ~ 'Bdev' -%}
{%- set kinds = cookiecutter.io_types.replace(' ', '').split(',') -%}
{%- set all = 'all' in kinds -%}
{%- set data = all or 'read' in kinds or 'write' in kinds -%}
{%- set context = cookiecutter.context == 'yes' -%}
{#- With data to change, the core makes writes of zeroes from writes: they must be encoded. -#}
{%- set others = [] -%}
{%- for kind in ['unmap', 'flush'] + ([] if data else ['write_zeroes']) -%}
{%- if all or kind in kinds -%}{%- set _ = others.append(kind) -%}{%- endif -%}
{%- endfor -%}
{%- set layer = 'TransformBdev' if data else 'VirtualBdev' -%}
// SPDX-License-Identifier: {{cookiecutter.license}}
// {{cookiecutter.name}}: a virtual bdev. bdevkit::{{layer}} provides the rest: opening and claiming the base,
// channels, hot removal, resize, teardown.
#include <bdevkit/bdevkit.hpp>
{%- if data %}

#include "transform.hpp"
{%- endif %}

namespace {
{%- if others or context %}

using bdevkit::Io;
{%- if others %}
using bdevkit::IoType;
{%- endif %}
{%- endif %}

class {{class}} : public bdevkit::{{layer}}<{{class}}> {
    using Base = bdevkit::{{layer}}<{{class}}>;

public:
    struct Options {
        bdevkit::BdevName base;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(base, "The bdev that it stands on; claimed for writing.").required().claimed(),
    };
{%- if context %}

    /// The context of each I/O, from submit() to its end.
    struct IoContext{% if data %} : Base::IoContext{% endif %} {
        uint64_t begun;  ///< ticks
    };
{%- endif %}

    {{class}}(const char* name, const Options& given) : Base(name, given.base) {}
{%- if others or context %}

    /// [channel's thread] Starts an I/O.
    void submit(Channel& ch, Io io) {
{%- if context %}
        io.context<IoContext>().begun = bdk_get_ticks();
{%- endif %}
{%- if others %}
        switch (io.type()) {
{%- for kind in others %}
            case IoType::{{kind}}:
                return {{kind}}(ch, io);
{%- endfor %}
            default:
                return {% if context and not data %}forward_then<&{{class}}::done>(ch, io){% else %}Base::submit(ch, io){% endif %};
        }
{%- elif data %}
        Base::submit(ch, io);
{%- else %}
        forward_then<&{{class}}::done>(ch, io);
{%- endif %}
    }
{%- endif %}
{%- if data %}

    /// [channel's thread] Converts the client's data to the base's data, and back. `offset`: start of the
    /// piece on the bdev, in bytes.
    void encode(std::span<std::byte> data, uint64_t offset) const { transform_.encode(data, offset); }
    void decode(std::span<std::byte> data, uint64_t offset) const { transform_.decode(data, offset); }
{%- endif %}
{%- if data and context %}

    /// [channel's thread] The base has completed a read or a write; the caller is informed next.
    void on_io_done(Io io, bool success) const { log_end(io, success); }
{%- endif %}
{%- if others or data or context %}

private:
{%- endif %}
{%- for kind in others %}
    void {{kind}}(Channel& ch, Io io) { forward_then<&{{class}}::done>(ch, io); }
{%- endfor %}
{%- if others or (context and not data) %}

    /// [channel's thread] The base has completed an I/O; completes the bdev's I/O.
    void done(Io io, bool{% if context %} success{% endif %}) {
{%- if context %}
        log_end(io, success);
{%- endif %}
        io.complete_like(io);
    }
{%- endif %}
{%- if context %}

    void log_end(Io io, bool success) const {
        const uint64_t ticks = bdk_get_ticks() - io.context<IoContext>().begun;
        BDK_DEBUGLOG("%s: %s %s after %.1f us", name(), bdk_bdev_io_type_name(io->type), success ? "done" : "failed",
                     double(ticks) * 1e6 / double(bdk_get_ticks_hz()));
    }
{%- endif %}
{%- if data %}

    Transform transform_;
{%- endif %}
};

}  // namespace

BDEVKIT_MODULE({{class}}, .name = "{{cookiecutter.name}}", .version = "0.1.0",
               .description = "{{cookiecutter.description.replace('\\', '\\\\').replace('"', '\\"').replace('?', '\\?')}}",
               .author = "{{cookiecutter.author.replace('\\', '\\\\').replace('"', '\\"').replace('?', '\\?')}}",
               .license = "{{cookiecutter.license}}");
