// SPDX-License-Identifier: BSD-3-Clause
// Bdevs of all kinds, shown to a module that examines.
#include <bdevkit/bdev_module.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/errno_text.hpp"
#include "check/case_stage.hpp"
#include "check/pattern.hpp"
#include "check/transfer.hpp"
#include "module/module_registry.hpp"
#include "stack/stack_file.hpp"

namespace bdevkit::host {

namespace {

constexpr uint64_t shown_bytes = 4 << 20;

/// The content of a bdev that is shown to the module.
struct Content {
    const char* name;
    uint64_t bytes;
    void (*fill)(Bytes& bytes);
};

void put(Bytes& bytes, size_t at, std::string_view text) {
    const auto from = std::as_bytes(std::span(text));
    if (at + from.size() <= bytes.size())
        std::copy(from.begin(), from.end(), bytes.begin() + std::ptrdiff_t(at));
}

/// Signatures of well-known formats, followed by invalid data.
void fill_signatures(Bytes& bytes) {
    fill_pattern(bytes, 51);
    put(bytes, 510, "\x55\xaa");
    put(bytes, 450, "\xee");
    put(bytes, 512, "EFI PART");
    put(bytes, 0x438, "\x53\xef");
    put(bytes, 0, "LUKS\xba\xbe");
}

constexpr Content contents[] = {
    {"zeroes", shown_bytes, [](Bytes&) {}},
    {"random", shown_bytes, [](Bytes& bytes) { fill_pattern(bytes, 50); }},
    {"signatures", shown_bytes, fill_signatures},
    {"one_block", 512, [](Bytes& bytes) { fill_pattern(bytes, 52); }},
    {"ones", shown_bytes, [](Bytes& bytes) { std::fill(bytes.begin(), bytes.end(), std::byte{0xff}); }},
};

Bytes bytes_of(const Content& content) {
    Bytes bytes(content.bytes);
    content.fill(bytes);
    return bytes;
}

void need_examine(Stage& stage) {
    if (!examines(stage.module())) throw NotApplicable{"the module does not examine"};
}

void remove(Stage& stage, const std::string& name, const char* rule) {
    stage.await(rule, fmt::format("removal of the bdev '{}' that was examined", name), [&](bdk::Done done) {
        if (CheckingBdev::find(name) == nullptr) return done(0);
        bdk::module_remove_bdev(name, std::move(done));
    });
}

/// Creates a bdev and returns it. The modules see a new bdev during its registration, before it could be
/// filled. So it fails all I/O at first; then it is filled and shown again by loading the module anew.
void show(Stage& stage, const Content& content, const std::function<void(CheckingBdev&)>& prepare) {
    stage.unload();
    stage.call([&] {
        const int rc = CheckingBdev::make(content.name, content.bytes, uint32_t{512});
        if (rc != 0) throw Broken{fmt::format("the kit's bdev: {}", bdk::errno_text(rc))};
        CheckingBdev* disk = CheckingBdev::find(content.name);
        disk->write_at(0, bytes_of(content));
        prepare(*disk);
    });
    stage.load();  // init, then every bdev is shown
}

void check_done(Stage& stage) {
    need_examine(stage);
    for (const Content& content : contents) {
        show(stage, content, [](CheckingBdev&) {});
        stage.wait_for_examine("examine.done");
        remove(stage, content.name, "examine.done");
        stage.wait_for_examine("examine.done");
    }
}

void check_gone(Stage& stage) {
    need_examine(stage);
    for (const Content& content : contents) {
        show(stage, content, [](CheckingBdev& disk) { disk.fail = true; });
        stage.wait_for_examine("examine.gone");
        remove(stage, content.name, "examine.gone");

        show(stage, content, [](CheckingBdev& disk) { disk.hold = true; });
        stage.start_remove(content.name, [](int) {});
        stage.call([&] {
            CheckingBdev* disk = CheckingBdev::find(content.name);
            if (disk == nullptr) return;
            disk->hold = false;
            disk->release([] {});
        });
        stage.wait_until("examine.gone",
                         fmt::format("bdev '{}', removed while it was examined, still exists", content.name),
                         [&] { return CheckingBdev::find(content.name) == nullptr; });
        stage.wait_for_examine("examine.gone");
    }
}

void check_examined_untouched(Stage& stage) {
    need_examine(stage);
    for (const Content& content : contents) {
        show(stage, content, [](CheckingBdev&) {});
        stage.wait_for_examine("examine.untouched");
        const bool recognised = !stage.bdevs().empty();
        stage.call([&] {
            const CheckingBdev* disk = CheckingBdev::find(content.name);
            if (recognised || disk == nullptr) return;
            if (disk->content() != bytes_of(content))
                throw Broken{fmt::format("bdev '{}' has other content after it was examined", content.name),
                             "no write"};
            if (disk->is_claimed())
                throw Broken{fmt::format("bdev '{}' is claimed, but no bdev was made from it", content.name),
                             "no claim"};
            if (disk->descs() != 0)
                throw Broken{fmt::format("bdev '{}' is open after it was examined", content.name),
                             "bdk_bdev_close()"};
        });
        remove(stage, content.name, "examine.untouched");
    }
}

}  // namespace

void run_examine_case(CaseContext& context) {
    with_stage(context, {}, [&](Stage& stage) {
        context.recorder.step("examine.done", [&] { check_done(stage); });
        context.recorder.step("examine.gone", [&] { check_gone(stage); });
        context.recorder.step("examine.untouched", [&] { check_examined_untouched(stage); });
    });
}

}  // namespace bdevkit::host
