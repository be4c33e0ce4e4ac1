// SPDX-License-Identifier: BSD-3-Clause
/// @file option.hpp
/// A module's options, declared once. The type of an option follows from the member that receives it:
///
///     struct Options {
///         bdevkit::BdevName base;
///         bdevkit::Size cache;
///     };
///     static constexpr bdk_option options[] = {
///         BDEVKIT_OPTION(base, "The bdev to cache.").required(),
///         BDEVKIT_OPTION(cache, "Bytes of cache.").defaults_to("64MiB").min(4096),
///     };
#pragma once

#include <bdevkit/option.h>
#include <bdevkit/visibility.hpp>

#include <chrono>
#include <cstddef>
#include <type_traits>

namespace BDEVKIT_HIDDEN bdevkit {

/// Bytes, written `64MiB`, `4k`, `512`.
struct Size {
    uint64_t bytes;
    constexpr operator uint64_t() const noexcept { return bytes; }
};

/// A time, written `10us`, `1.5s`.
struct Duration {
    uint64_t ns;
    constexpr operator std::chrono::nanoseconds() const noexcept {
        return std::chrono::nanoseconds(int64_t(ns));
    }
};

/// The name of a base bdev: an edge of the stack.
struct BdevName {
    const char* name;
    constexpr operator const char*() const noexcept { return name; }
};

/// An absolute path.
struct Path {
    const char* path;
    constexpr operator const char*() const noexcept { return path; }
};

/// Any number of values, valid until creation, or the call of a method, has ended.
template <class T>
struct List {
    const void* items;
    uint64_t count;

    const T* begin() const noexcept { return static_cast<const T*>(items); }
    const T* end() const noexcept { return begin() + count; }
    size_t size() const noexcept { return count; }
    const T& operator[](size_t n) const noexcept { return begin()[n]; }
};

namespace detail {

template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<List<T>> = true;

/// BDK_OPTION_* of a member's type; 0 for a type that no option has.
template <class T>
constexpr uint32_t option_type() {
    if constexpr (std::is_same_v<T, const char*>) return BDK_OPTION_STRING;
    if constexpr (std::is_same_v<T, bool>) return BDK_OPTION_BOOL;
    if constexpr (std::is_same_v<T, uint32_t>) return BDK_OPTION_U32;
    if constexpr (std::is_same_v<T, uint64_t>) return BDK_OPTION_U64;
    if constexpr (std::is_same_v<T, Size>) return BDK_OPTION_SIZE;
    if constexpr (std::is_same_v<T, Duration>) return BDK_OPTION_DURATION;
    if constexpr (std::is_enum_v<T> && sizeof(T) == sizeof(uint32_t)) return BDK_OPTION_ENUM;
    if constexpr (std::is_same_v<T, bdk_uuid>) return BDK_OPTION_UUID;
    if constexpr (std::is_same_v<T, Path>) return BDK_OPTION_PATH;
    if constexpr (std::is_same_v<T, BdevName>) return BDK_OPTION_BDEV;
    return 0;
}

template <class T>
struct OptionElement {
    using Type = T;
};
template <class T>
struct OptionElement<List<T>> {
    using Type = T;
};

}  // namespace detail

/// One line of the table, made by BDEVKIT_OPTION. Each call returns the option with one thing more said of
/// it.
class Option : public bdk_option {
public:
    template <class Member>
    static constexpr Option of(const char* name, const char* help, size_t offset) {
        constexpr uint32_t type = detail::option_type<typename detail::OptionElement<Member>::Type>();
        static_assert(type != 0,
                      "an option is a const char*, bool, uint32_t, uint64_t, Size, Duration, bdk_uuid, "
                      "Path, BdevName, an enum of 32 bits, or a List of these");
        return Option(bdk_option{.name = name,
                                 .help = help,
                                 .type = type,
                                 .flags = detail::is_list<Member> ? uint32_t(BDK_OPTION_LIST) : 0,
                                 .offset = offset,
                                 .default_value = nullptr,
                                 .min = 0,
                                 .max = 0,
                                 .enum_values = nullptr,
                                 .reserved = {}});
    }

    /// The user must give it.
    constexpr Option required() const { return with_flag(BDK_OPTION_REQUIRED); }
    /// Never shown in a listing, a dump or a log.
    constexpr Option secret() const { return with_flag(BDK_OPTION_SECRET); }

    /// Of a BdevName: the module claims it for writing.
    constexpr Option claimed() const { return with_flag(BDK_OPTION_CLAIMED); }
    /// The number of bdevs that create makes, or a list with an element for each; see part_suffix in
    /// module.h.
    constexpr Option counts_parts() const { return with_flag(BDK_OPTION_PARTS); }

    /// The value when none is given, as a user would write it.
    constexpr Option defaults_to(const char* value) const {
        Option changed = *this;
        changed.bdk_option::default_value = value;
        return changed;
    }

    /// The least value: bytes of a size, nanoseconds of a duration.
    constexpr Option min(uint64_t value) const {
        Option changed = *this;
        changed.bdk_option::min = value;
        return changed;
    }

    /// The greatest value, not 0.
    constexpr Option max(uint64_t value) const {
        Option changed = *this;
        changed.bdk_option::max = value;
        return changed;
    }

    /// The names of an enum's values, in the enum's order from 0; `names` ends in nullptr.
    constexpr Option one_of(const char* const* names) const {
        Option changed = *this;
        changed.bdk_option::enum_values = names;
        return changed;
    }

private:
    constexpr explicit Option(const bdk_option& option) : bdk_option(option) {}

    constexpr Option with_flag(uint32_t flag) const {
        Option changed = *this;
        changed.bdk_option::flags |= flag;
        return changed;
    }
};

}  // namespace bdevkit

/// The option that fills the member of that name in the struct `Options` in scope.
#define BDEVKIT_OPTION(member, help) \
    ::bdevkit::Option::of<decltype(Options::member)>(#member, help, offsetof(Options, member))
