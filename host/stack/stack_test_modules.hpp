// SPDX-License-Identifier: BSD-3-Clause
// Modules for the tests of stacks: only their tables, as a plugin would export them.
#pragma once

#include <bdevkit/module.h>

#include <cstddef>
#include <vector>

#include "loader/module_list.hpp"

namespace bdevkit::host {

struct DiskOptions {
    uint64_t size;
    uint32_t block_size;
    uint64_t delay;
    uint32_t mode;
    bdk_uuid uuid;
    const char* file;
    const char* key;
    uint8_t sparse;
    bdk_option_list ports;
    bdk_option_list tags;
};

struct LayerOptions {
    const char* base;
};

struct SliceOptions {
    const char* base;
    uint32_t count;
    bdk_option_list sizes;
};

struct RaidOptions {
    bdk_option_list bases;
    const char* log;
};

inline constexpr const char* disk_modes[] = {"fast", "safe", nullptr};

inline constexpr bdk_option disk_options[] = {
    {.name = "size",
     .help = "Size of the bdev.",
     .type = BDK_OPTION_SIZE,
     .flags = BDK_OPTION_REQUIRED,
     .offset = offsetof(DiskOptions, size),
     .min = 512,
     .max = 1ull << 40},
    {.name = "block_size",
     .help = "Bytes per block.",
     .type = BDK_OPTION_U32,
     .offset = offsetof(DiskOptions, block_size),
     .default_value = "512",
     .min = 512,
     .max = 65536},
    {.name = "delay",
     .help = "Added to every I/O.",
     .type = BDK_OPTION_DURATION,
     .offset = offsetof(DiskOptions, delay)},
    {.name = "mode",
     .help = "How.",
     .type = BDK_OPTION_ENUM,
     .offset = offsetof(DiskOptions, mode),
     .default_value = "safe",
     .enum_values = disk_modes},
    {.name = "uuid", .help = "Of the bdev.", .type = BDK_OPTION_UUID, .offset = offsetof(DiskOptions, uuid)},
    {.name = "file", .help = "A file.", .type = BDK_OPTION_PATH, .offset = offsetof(DiskOptions, file)},
    {.name = "key",
     .help = "A secret.",
     .type = BDK_OPTION_STRING,
     .flags = BDK_OPTION_SECRET,
     .offset = offsetof(DiskOptions, key)},
    {.name = "sparse", .help = "Or not.", .type = BDK_OPTION_BOOL, .offset = offsetof(DiskOptions, sparse)},
    {.name = "ports",
     .help = "Numbers.",
     .type = BDK_OPTION_U32,
     .flags = BDK_OPTION_LIST,
     .offset = offsetof(DiskOptions, ports),
     .default_value = "1, 2",
     .max = 100},
    {.name = "tags",
     .help = "Words.",
     .type = BDK_OPTION_STRING,
     .flags = BDK_OPTION_LIST,
     .offset = offsetof(DiskOptions, tags)},
};

inline constexpr bdk_option layer_options[] = {
    {.name = "base",
     .help = "The bdev below.",
     .type = BDK_OPTION_BDEV,
     .flags = BDK_OPTION_REQUIRED,
     .offset = offsetof(LayerOptions, base)},
};

/// Like layer's, but claims its base.
inline constexpr bdk_option writer_options[] = {
    {.name = "base",
     .help = "The bdev below.",
     .type = BDK_OPTION_BDEV,
     .flags = BDK_OPTION_REQUIRED | BDK_OPTION_CLAIMED,
     .offset = offsetof(LayerOptions, base)},
};

inline constexpr bdk_option slice_options[] = {
    {.name = "base",
     .help = "The bdev below.",
     .type = BDK_OPTION_BDEV,
     .flags = BDK_OPTION_REQUIRED | BDK_OPTION_CLAIMED,
     .offset = offsetof(SliceOptions, base)},
    {.name = "count",
     .help = "So many.",
     .type = BDK_OPTION_U32,
     .flags = BDK_OPTION_PARTS,
     .offset = offsetof(SliceOptions, count)},
    {.name = "sizes",
     .help = "Or one for each.",
     .type = BDK_OPTION_SIZE,
     .flags = BDK_OPTION_LIST | BDK_OPTION_PARTS,
     .offset = offsetof(SliceOptions, sizes)},
};

inline constexpr bdk_option raid_options[] = {
    {.name = "bases",
     .help = "The bdevs below.",
     .type = BDK_OPTION_BDEV,
     .flags = BDK_OPTION_REQUIRED | BDK_OPTION_LIST,
     .offset = offsetof(RaidOptions, bases)},
    {.name = "log", .help = "A bdev.", .type = BDK_OPTION_BDEV, .offset = offsetof(RaidOptions, log)},
};

inline int never_called(const bdk_module*, bdk_create*, const char*, const void*) {
    return 0;
}
inline void never_called(const bdk_module*, bdk_examine*, bdk_bdev*) {}

template <size_t N>
constexpr bdk_module make_test_module(const char* name, const bdk_option (&options)[N], size_t struct_size,
                                      const char* part_suffix = nullptr) {
    return {.size = sizeof(bdk_module),
            .name = name,
            .version = "1.0.0",
            .description = "A module of the tests",
            .options = options,
            .option_count = N,
            .option_size = sizeof(bdk_option),
            .options_struct_size = static_cast<uint32_t>(struct_size),
            .create = never_called,
            .part_suffix = part_suffix};
}

inline const bdk_module disk_module = make_test_module("disk", disk_options, sizeof(DiskOptions));
inline const bdk_module layer_module = make_test_module("layer", layer_options, sizeof(LayerOptions));
inline const bdk_module writer_module = make_test_module("writer", writer_options, sizeof(LayerOptions));
inline const bdk_module slice_module = make_test_module("slice", slice_options, sizeof(SliceOptions), "p0");
/// Makes bdevs whose number is known only at run time.
inline const bdk_module shelf_module = make_test_module("shelf", layer_options, sizeof(LayerOptions), "n1");
inline const bdk_module raid_module = make_test_module("raid", raid_options, sizeof(RaidOptions));

/// A module that makes bdevs only by examination.
inline const bdk_module finder_module = {
    .size = sizeof(bdk_module), .name = "finder", .examine_disk = never_called};

/// A module that names its bdevs after the examined bdev.
inline const bdk_module namer_module = {.size = sizeof(bdk_module),
                                        .flags = BDK_MODULE_NAMES_AFTER_BASE,
                                        .name = "namer",
                                        .examine_disk = never_called};

inline std::vector<const ModuleInfo*> test_modules() {
    static const ModuleInfo disk = *read_module(disk_module);
    static const ModuleInfo layer = *read_module(layer_module);
    static const ModuleInfo raid = *read_module(raid_module);
    static const ModuleInfo namer = *read_module(namer_module);
    static const ModuleInfo writer = *read_module(writer_module);
    static const ModuleInfo slice = *read_module(slice_module);
    static const ModuleInfo shelf = *read_module(shelf_module);
    return {&disk, &layer, &raid, &namer, &writer, &slice, &shelf};
}

inline std::vector<const ModuleInfo*> test_modules_with_finder() {
    static const ModuleInfo finder = *read_module(finder_module);
    std::vector<const ModuleInfo*> modules = test_modules();
    modules.push_back(&finder);
    return modules;
}

inline ModuleList test_module_list(bool with_finder = false) {
    return ModuleList(with_finder ? test_modules_with_finder() : test_modules());
}

}  // namespace bdevkit::host
