// SPDX-License-Identifier: BSD-3-Clause
// A module without bdevs, with one method for each possible course of a call.
#include <bdevkit/bdevkit.hpp>

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

using bdevkit::Call, bdevkit::Json;

enum class Colour : uint32_t { red, green };
constexpr const char* colours[] = {"red", "green", nullptr};

/// Parameters of every type.
struct Echo {
    static constexpr const char* name = "echo";
    static constexpr const char* help = "Says what it was given.";
    struct Options {
        const char* text;
        bool flag;
        uint32_t number;
        bdevkit::Size size;
        bdevkit::Duration time;
        Colour colour;
        bdevkit::BdevName bdev;
        bdevkit::List<const char*> words;
    };
    static constexpr bdk_option options[] = {
        BDEVKIT_OPTION(text, "Any text.").required(),
        BDEVKIT_OPTION(flag, "A flag.").defaults_to("true"),
        BDEVKIT_OPTION(number, "A number.").defaults_to("7").max(100),
        BDEVKIT_OPTION(size, "A size.").defaults_to("4KiB"),
        BDEVKIT_OPTION(time, "A time.").defaults_to("1ms"),
        BDEVKIT_OPTION(colour, "A colour.").one_of(colours),
        BDEVKIT_OPTION(bdev, "A bdev."),
        BDEVKIT_OPTION(words, "Words."),
    };

    static void call(const Options& given, Json result) {
        result.value("text", given.text);
        result.value("flag", given.flag);
        result.value("number", given.number);
        result.value("size", given.size.bytes);
        result.value("time_ns", given.time.ns);
        result.value("colour", colours[size_t(given.colour)]);
        result.value("bdev", given.bdev.name);
        result.array("words", [&] {
            for (const char* word : given.words)
                result.value(nullptr, word);
        });
    }
};

std::vector<Call>& waiting() {
    static std::vector<Call> calls;
    return calls;
}

struct Wait {
    static constexpr const char* name = "wait";
    static constexpr const char* help = "Ends when `release` is called.";
    static void call(Call call) { waiting().push_back(call); }
};

struct Release {
    static constexpr const char* name = "release";
    static constexpr const char* help = "Ends the calls that wait, the first with an error.";
    static void call(Json result) {
        const std::vector<Call> calls = std::exchange(waiting(), {});
        result.value("released", uint64_t(calls.size()));
        for (size_t i = 0; i < calls.size(); i++)
            calls[i].finish([&](Json waited) {
                waited.value("place", uint64_t(i));
                if (i == 0) throw bdevkit::Error(EBUSY, "somebody is always the first");
            });
    }
};

/// The call is under way while the host stops.
struct EndWaitingSoon {
    static constexpr const char* name = "end_waiting_soon";
    static constexpr const char* help = "Ends the calls that wait, 200 ms from now.";
    static void call(Json result) {
        result.value("waiting", uint64_t(waiting().size()));
        if (waiting().empty()) return;
        timer.poller = bdevkit::Poller::start<&Timer::end_all>(&timer, "end_waiting_soon",
                                                               std::chrono::milliseconds(200));
    }

    struct Timer {
        bool end_all() {
            poller.stop();
            for (const Call& call : std::exchange(waiting(), {}))
                call.finish([](Json waited) { waited.value("late", true); });
            return true;
        }
        bdevkit::Poller poller;
    };
    static inline Timer timer;
};

struct Fail {
    static constexpr const char* name = "fail";
    static constexpr const char* help = "Fails.";
    struct Options {
        bool explained;
    };
    static constexpr bdk_option options[] = {BDEVKIT_OPTION(explained, "Whether it says why.")};
    static void call(const Options& given, Json result) {
        result.value("dropped", true);
        if (given.explained) throw bdevkit::Error(ENOSPC, "there is no room: make some");
        throw std::runtime_error("for the log");
    }
};

/// Ends while it is being called, and once more later.
struct EndTwice {
    static constexpr const char* name = "end_twice";
    static constexpr const char* help = "Ends twice, which is reported.";
    static void call(Call call) {
        call.finish();
        call.finish();
    }
};

struct Methods {
    static constexpr bdk_method methods[] = {bdevkit::method<Echo>(),    bdevkit::method<Wait>(),
                                             bdevkit::method<Release>(), bdevkit::method<EndWaitingSoon>(),
                                             bdevkit::method<Fail>(),    bdevkit::method<EndTwice>()};
    static int create(bdk_create*, const char*, const auto&) { return -ENOTSUP; }
};

}  // namespace

BDEVKIT_MODULE(Methods, .name = "methods", .version = "1.0.0", .description = "Methods for tests");
