// SPDX-License-Identifier: BSD-3-Clause
#include "check/rule.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <sstream>

namespace bdevkit::host {

namespace {

// The cases that move data: each of them watches these rules.
#define WATCHED "data sequence types threads control remove base durable base_gone nomem zone"

constexpr CheckRule rules[] = {
    {"load.open", "The file is a plugin for this host and opens.", "sdk/include/bdevkit/module.h", "load"},
    {"load.sizes", "Every size in the module table is the size of the struct that the module was built with.",
     "sdk/include/bdevkit/module.h: struct bdk_module", "load"},
    {"load.metadata", "Name, version and description are set, each a single line.",
     "sdk/include/bdevkit/module.h: struct bdk_module", "load"},
    {"options.help", "Each option has a one-line help text.",
     "sdk/include/bdevkit/option.h: struct bdk_option", "load"},
    {"options.layout",
     "Option values are aligned and do not overlap in the options struct, and each name occurs once.",
     "sdk/include/bdevkit/option.h: struct bdk_option", "load"},
    {"options.default", "Each default is a value that the option's own type and bounds allow.",
     "sdk/include/bdevkit/option.h: struct bdk_option", "load"},
    {"methods.table",
     "Each method has a unique name, a one-line help text, a call function, and valid parameters.",
     "sdk/include/bdevkit/method.h: struct bdk_method", "load"},
    {"load.repeat", "Loading, init, fini and unloading 100 times leaves nothing behind.",
     "sdk/include/bdevkit/module.h: init, fini", "load"},

    {"lifecycle.init", "init ends with success.", "sdk/include/bdevkit/module.h: init", "create"},
    {"create.defaults", "A bdev can be created with only the required options.",
     "sdk/include/bdevkit/module.h: create", "create"},
    {"create.size", "The bdev has blocks, and the first and the last one can be read.",
     "sdk/include/bdevkit/bdev_module.h: struct bdk_bdev", "create"},
    {"create.again",
     "A bdev can be created again, with the same size, from a base to which its users have written.",
     "sdk/include/bdevkit/module.h: create", "create"},
    {"create.taken", "Creation under a name that is already in use fails and leaves nothing behind.",
     "sdk/include/bdevkit/module.h: create", "create"},
    {"create.limits",
     "Each option at its limits gives a bdev, or is refused with an errno and leaves nothing behind.",
     "sdk/include/bdevkit/module.h: create", "create"},
    {"create.json", "The JSON that the module writes about its bdev is well-formed.",
     "sdk/include/bdevkit/bdev_module.h: dump_info_json, write_config_json", "create"},
    {"create.reconfigure", "reconfigure of a bdev in use accepts its current options, or returns -ENOTSUP.",
     "sdk/include/bdevkit/module.h: reconfigure", "create"},
    {"lifecycle.fini", "fini ends once the bdevs are gone.", "sdk/include/bdevkit/module.h: fini", "create"},

    {"types.claimed", "Every I/O type that the bdev claims works.",
     "docs/bdev.md: The hard rules of a module", "types"},
    {"types.unclaimed",
     "Every I/O type that the bdev does not claim is refused, and submit_request never sees it.",
     "sdk/include/bdevkit/desc.h: -ENOTSUP", "types"},
    {"types.steady",
     "io_type_supported() answers the same each time unless BDK_BDEV_DYNAMIC_IO_TYPES is set.",
     "sdk/include/bdevkit/bdev_module.h: io_type_supported", "types"},

    {"data.roundtrip", "Reads return the data that was written, up to the last block.",
     "sdk/include/bdevkit/desc.h", "data"},
    {"data.sizes", "Reads and writes of any length at any place give the right data.",
     "sdk/include/bdevkit/desc.h", "data"},
    {"data.iovecs", "Reads and writes give the right data however the iovecs divide it.",
     "sdk/include/bdevkit/desc.h", "data"},
    {"data.alignment", "Buffers at any address are accepted.",
     "sdk/include/bdevkit/bdev.h: bdk_bdev_get_buf_align()", "data"},
    {"data.host_buffer", "A read without a buffer gets a buffer from the host.",
     "sdk/include/bdevkit/desc.h: buf NULL", "data"},
    {"data.buffers",
     "A read changes only the caller's buffer and no byte beside it; a write leaves the caller's data "
     "unchanged.",
     "sdk/include/bdevkit/desc.h: stay the caller's and untouched until cb", "data"},
    {"data.neighbours", "A write changes only its own blocks.", "sdk/include/bdevkit/desc.h", "data"},
    {"data.zeroes", "After write_zeroes the blocks read as zeroes, and their neighbours are unchanged.",
     "sdk/include/bdevkit/desc.h: bdk_bdev_write_zeroes_blocks()", "sequence"},
    {"data.unmap",
     "An unmap leaves the neighbouring blocks unchanged, and repeated reads of its own blocks return the "
     "same data.",
     "sdk/include/bdevkit/desc.h: bdk_bdev_unmap_blocks()", "sequence"},
    {"data.sequence",
     "Reads give the right data after changes of all types, in any order and by two threads.",
     "sdk/include/bdevkit/desc.h", "sequence"},
    {"data.seams", "I/O across the boundary of two bases or stripes gives the right data.",
     "sdk/include/bdevkit/desc.h", "sequence"},
    {"data.threads", "A thread reads what another one has written, and both may do I/O at the same time.",
     "docs/threading.md: io_devices and io_channels", "threads"},

    {"zone.report",
     "The zone report is consistent with the bdev: positions, capacities, states, write pointers.",
     "sdk/include/bdevkit/zone.h: struct bdk_bdev_zone_info", "zone"},
    {"zone.write", "A write at a zone's write pointer moves the pointer, and reads return its data.",
     "sdk/include/bdevkit/zone.h: struct bdk_bdev_zone_info", "zone"},
    {"zone.elsewhere", "A write to a zone anywhere but at its write pointer fails and changes nothing.",
     "sdk/include/bdevkit/zone.h: struct bdk_bdev_zone_info", "zone"},
    {"zone.append", "An append writes at the write pointer, and reports the position.",
     "sdk/include/bdevkit/zone.h: bdk_bdev_zone_appendv()", "zone"},
    {"zone.reset", "A reset empties a zone, and the zone can be written again.",
     "sdk/include/bdevkit/zone.h: bdk_bdev_zone_management()", "zone"},
    {"zone.states", "Open, close and finish put a zone into the corresponding state.",
     "sdk/include/bdevkit/zone.h: bdk_bdev_zone_management()", "zone"},
    {"zone.capacity", "A zone takes as many blocks as its capacity says, and is full then.",
     "sdk/include/bdevkit/zone.h: struct bdk_bdev_zone_info", "zone"},
    {"zone.open_limit", "The bdev's number of zones can be open at a time, and no more.",
     "sdk/include/bdevkit/bdev_module.h: max_open_zones, max_active_zones", "zone"},

    {"io.completes", "Every I/O completes.", "docs/bdev.md: The hard rules of a module", WATCHED},
    {"io.once", "No I/O completes twice.", "docs/bdev.md: The hard rules of a module", WATCHED},
    {"io.thread", "An I/O completes on the thread that submitted it.", "docs/threading.md: Rule 3", WATCHED},
    {"thread.owner", "Messages, channels, descs and pollers are used by their own threads.",
     "docs/threading.md: Rule 1; docs/threading.md: Rule 2; docs/threading.md: Rule 4",
     WATCHED " create examine"},
    {"thread.block", "No call of the module holds a reactor for 10 ms.", "docs/threading.md: Rule 5",
     "block"},
    {"abi.exceptions", "No exception leaves a callback.", "sdk/include/bdevkit/abi.h", WATCHED " create"},
    {"abi.done", "Each done call is made once, after BDK_PENDING.", "sdk/include/bdevkit/module.h",
     WATCHED " create examine"},

    {"sanitizer.silent", "In a build with a sanitizer, the sanitizer reports nothing.", "docs/check.md",
     WATCHED " create leak load"},

    {"control.reset", "A reset under load ends, as do the I/Os in flight, and the bdev works afterwards.",
     "docs/bdev.md: Reset and abort", "control"},
    {"control.abort", "Aborts under load end, as do the I/Os in flight.", "docs/bdev.md: Reset and abort",
     "control"},
    {"control.channels", "Channels can be opened and closed on any thread, and each is released.",
     "sdk/include/bdevkit/io_channel.h; docs/threading.md: Rule 2", "threads"},

    {"remove.idle", "Removal of an unused bdev ends, including destruct.",
     "sdk/include/bdevkit/bdev_module.h: destruct", "remove"},
    {"remove.open", "Removal waits for the last desc, and then ends.", "docs/bdev.md: Events and removal",
     "remove"},
    {"remove.load", "Removal under load ends once the user has closed the bdev, and every I/O completes.",
     "docs/bdev.md: Events and removal", "remove"},

    {"base.claim", "The module claims its base before it writes to it.", "docs/bdev.md: Claims", "base"},
    {"base.untouched", "A read does not change the data on the base.", "docs/bdev.md: A module on a base",
     "base"},
    {"base.status", "An I/O that the base failed does not succeed.",
     "sdk/include/bdevkit/bdev_io.h: bdk_bdev_io_complete_base_io_status()", "base"},
    {"base.flush", "After a flush the data is durable on the base; without a write cache, after each write.",
     "sdk/include/bdevkit/bdev_module.h: BDK_BDEV_WRITE_CACHE", "durable"},
    {"base.fua", "Data written with FUA, by any I/O type, is durable on the base before the I/O ends.",
     "sdk/include/bdevkit/bdev_io.h: BDK_BDEV_IO_FUA", "durable"},
    {"base.hold", "A slow base delays I/O but loses none.", "docs/bdev.md", "base"},
    {"base.resize", "A base that grows leaves the bdev usable.", "docs/bdev.md: Events and removal", "base"},
    {"base.nomem", "-ENOMEM from the base delays an I/O, but neither loses nor fails it.",
     "sdk/include/bdevkit/desc.h: bdk_bdev_queue_io_wait()", "nomem"},
    {"base.channel", "A base that gives no channel causes an error, not a crash.",
     "sdk/include/bdevkit/io_channel.h: bdk_get_io_channel()", "nomem"},
    {"base.removed",
     "When a base is removed, the bdev releases it, and then goes too or serves its data without it.",
     "docs/bdev.md: Events and removal", "base_gone"},
    {"base.removed_load", "The same holds for the removal of a base under load, and every I/O completes.",
     "docs/bdev.md: Events and removal", "base_gone"},

    {"examine.done", "Every examination ends with its done call, whatever the bdev contains.",
     "sdk/include/bdevkit/examine.h; docs/bdev.md: Examine", "examine"},
    {"examine.gone",
     "An examination ends with its done call even if the bdev is removed meanwhile or cannot be read.",
     "sdk/include/bdevkit/examine.h", "examine"},
    {"examine.untouched", "A bdev that is examined and not recognised stays unchanged and unclaimed.",
     "sdk/include/bdevkit/module.h: examine_config, examine_disk", "examine"},

    {"leak.claim", "Removal releases the claims on bases.", "sdk/include/bdevkit/claim.h", "leak"},
    {"leak.desc", "Removal closes the descs of bases.", "sdk/include/bdevkit/desc.h", "leak"},
    {"leak.channel", "Removal puts every io_channel.", "sdk/include/bdevkit/io_channel.h", "leak"},
    {"leak.poller", "Removal unregisters every poller.", "sdk/include/bdevkit/poller.h", "leak"},
    {"leak.io_device", "Removal unregisters every io_device.", "sdk/include/bdevkit/io_channel.h",
     "leak create"},
    {"leak.bdev_io", "Every bdev_io is freed.", "sdk/include/bdevkit/desc.h: bdk_bdev_free_io()",
     "leak base data"},
    {"leak.iobuf", "Every iobuf buffer is returned.", "sdk/include/bdevkit/memory.h", "leak data"},
    {"leak.fd", "Removal closes every file descriptor.", "docs/bdev.md: Events and removal", "leak"},
    {"leak.thread", "Removal ends every thread that the module created.", "docs/bdev.md: Events and removal",
     "leak"},
    {"leak.memory", "Neither I/O nor creation and removal leak memory.", "docs/bdev.md: Events and removal",
     "leak data"},
};

#undef WATCHED

std::vector<std::string> words(const char* text) {
    std::istringstream stream(text);
    std::vector<std::string> result;
    for (std::string word; stream >> word;)
        result.push_back(word);
    return result;
}

bool is_named_by(const CheckRule& rule, const std::vector<std::string>& patterns) {
    return std::ranges::any_of(
        patterns, [&](const std::string& pattern) { return fnmatch(pattern.c_str(), rule.id, 0) == 0; });
}

}  // namespace

std::span<const CheckRule> check_rules() {
    return rules;
}

const CheckRule* find_check_rule(std::string_view id) {
    const auto found = std::find_if(std::begin(rules), std::end(rules),
                                    [&](const CheckRule& rule) { return rule.id == id; });
    return found == std::end(rules) ? nullptr : found;
}

bool RuleChoice::is_wanted(const CheckRule& rule) const {
    return is_named_by(rule, wanted);
}

bool RuleChoice::skips(const CheckRule& rule) const {
    return is_named_by(rule, skipped);
}

bool names_a_rule(const std::string& pattern) {
    return std::ranges::any_of(rules, [&](const CheckRule& rule) { return is_named_by(rule, {pattern}); });
}

std::vector<std::string> cases_of(const RuleChoice& choice) {
    std::vector<std::string> result;
    for (const CheckRule& rule : rules) {
        if (!choice.has(rule)) continue;
        for (const std::string& name : words(rule.cases))
            if (std::find(result.begin(), result.end(), name) == result.end()) result.push_back(name);
    }
    return result;
}

}  // namespace bdevkit::host
