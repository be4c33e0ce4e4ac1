// SPDX-License-Identifier: BSD-3-Clause
/// @file json.hpp
/// JSON output of a module.
#pragma once

#include <bdevkit/json.h>
#include <bdevkit/visibility.hpp>

#include <concepts>
#include <string>
#include <utility>

namespace BDEVKIT_HIDDEN bdevkit {

/// Where dump_info() and write_config() write. Valid during the callback that got it. Names are nullptr in an
/// array.
class Json {
public:
    explicit Json(bdk_json_writer* writer) noexcept : writer_(writer) {}

    void value(const char* name, const char* text) const { bdk_json_string(writer_, name, text); }
    void value(const char* name, const std::string& text) const {
        bdk_json_string(writer_, name, text.c_str());
    }
    void value(const char* name, bool flag) const { bdk_json_bool(writer_, name, flag); }
    void value(const char* name, std::unsigned_integral auto number) const {
        bdk_json_u64(writer_, name, number);
    }
    void value(const char* name, std::signed_integral auto number) const {
        bdk_json_i64(writer_, name, number);
    }
    void value(const char* name, std::floating_point auto number) const {
        bdk_json_double(writer_, name, number);
    }

    /// An object that `members` fills.
    template <class Fn>
    void object(const char* name, Fn&& members) const {
        bdk_json_object_begin(writer_, name);
        const Closer closer{writer_, bdk_json_object_end};
        std::forward<Fn>(members)();
    }

    /// An array that `elements` fills.
    template <class Fn>
    void array(const char* name, Fn&& elements) const {
        bdk_json_array_begin(writer_, name);
        const Closer closer{writer_, bdk_json_array_end};
        std::forward<Fn>(elements)();
    }

    bdk_json_writer* get() const noexcept { return writer_; }

private:
    struct Closer {
        bdk_json_writer* writer;
        void (*end)(bdk_json_writer*);
        ~Closer() { end(writer); }
    };

    bdk_json_writer* writer_;
};

}  // namespace bdevkit
