// SPDX-License-Identifier: BSD-3-Clause
// Names, events, removal and shutdown of bdevs, and what claims say.
#include <bdevkit/claim.h>
#include <gtest/gtest.h>

#include <memory>

#include "bdev/model/bdev_list.hpp"
#include "json/json_writer.hpp"
#include "log/violation.hpp"
#include "support/client.hpp"
#include "support/log_capture.hpp"
#include "support/raw_disk.hpp"
#include "support/test_host.hpp"

namespace bdk::test {
namespace {

using Names = std::vector<std::string>;

class Lifecycle : public testing::Test {
protected:
    Lifecycle() {
        host.add(&raw_disk_module);
        call_on_app_thread([&] { EXPECT_EQ(disk.add(), 0); });
    }

    static void ignore_event(uint32_t, bdk_bdev*, void*) {}

    static nlohmann::ordered_json info(bdk_bdev* bdev) {
        bdk_json_writer w;
        call_on_app_thread([&] { bdk_bdev_dump_info_json(bdev, &w); });
        return w.root();
    }

    static int claim(Client& client, uint32_t type, const char* name) {
        bdk_bdev_claim_opts opts{};
        opts.size = sizeof(opts);
        opts.shared_claim_key = 7;
        snprintf(opts.name, sizeof(opts.name), "%s", name);
        int rc = 0;
        call_on(client.thread(),
                [&] { rc = bdk_bdev_module_claim_bdev_desc(client.desc(), type, &opts, &raw_disk_module); });
        return rc;
    }

    RawDisk disk{"disk"};
    TestHost host;
};

/* ---- names ---- */

TEST_F(Lifecycle, UuidIsTheGivenOneOrDerivedFromTheName) {
    RawDisk given("given"), twin("twin");
    for (uint8_t i = 0; i < 16; i++)
        given.bdev.uuid.bytes[i] = twin.bdev.uuid.bytes[i] = static_cast<uint8_t>(i + 1);
    std::string derived = info(&disk.bdev)["uuid"];
    call_on_app_thread([&] {
        EXPECT_EQ(bdk_bdev_get_by_name(derived.c_str()), &disk.bdev);
        ASSERT_EQ(given.add(), 0);
        EXPECT_EQ(bdk_bdev_get_by_name("01020304-0506-0708-090a-0b0c0d0e0f10"), &given.bdev);
        EXPECT_EQ(twin.add(), -EEXIST) << "the UUID is taken";
    });
    EXPECT_EQ(host.remove("given"), 0);
    EXPECT_EQ(host.remove("disk"), 0);
    RawDisk again("disk");
    call_on_app_thread([&] { ASSERT_EQ(again.add(), 0); });
    EXPECT_EQ(info(&again.bdev)["uuid"], derived) << "the same name, the same UUID";
    EXPECT_EQ(host.remove("disk"), 0);
}

TEST_F(Lifecycle, NamesAreUtf8WithoutControlCharacters) {
    const LogCapture log;
    call_on_app_thread([&] {
        for (const char* name : {"a\xff", "a\x1b[2J", "a\n", "a\u202e"}) {
            RawDisk odd(name);
            EXPECT_EQ(odd.add(), -EINVAL) << name;
            RawDisk sound("sound");
            const char* aliases[] = {name, nullptr};
            sound.bdev.aliases = aliases;
            EXPECT_EQ(sound.add(), -EINVAL) << name;
            EXPECT_EQ(bdk_bdev_alias_add(&disk.bdev, name), -EINVAL) << name;
        }
        EXPECT_EQ(bdk_bdev_alias_add(&disk.bdev, ""), -EINVAL);
        EXPECT_EQ(bdk_bdev_alias_add(&disk.bdev, std::string(256, 'a').c_str()), -EINVAL);
        EXPECT_EQ(bdk_bdev_alias_add(&disk.bdev, "Zoë/💾"), 0);
    });
    EXPECT_TRUE(log.has({"bdev 'a\uFFFD' of module", "name must be UTF-8 without control characters"}));
    EXPECT_TRUE(log.has({"bdev 'sound' of module", "aliases must be UTF-8 without control characters"}));
    EXPECT_TRUE(log.has({"cannot have the name 'a\\x1b[2J': it has a control character"}));
}

TEST_F(Lifecycle, NameCannotBeTakenAwayOrTakenOver) {
    RawDisk other("other");
    call_on_app_thread([&] {
        ASSERT_EQ(other.add(), 0);
        EXPECT_EQ(bdk_bdev_alias_add(&other.bdev, "disk"), -EEXIST);
        EXPECT_EQ(bdk_bdev_alias_del(&disk.bdev, "disk"), -ENOENT) << "a name is no alias";
        disk.bdev.name = "renamed";
    });
    EXPECT_EQ(Client::try_open("renamed", Access::read), -ENODEV) << "a name is read once";
    EXPECT_EQ(Client::try_open("disk", Access::read), 0);
    EXPECT_EQ(host.remove("other"), 0);
}

/* ---- walking ---- */

TEST_F(Lifecycle, WalkMayOpenCloseAndUnregister) {
    RawDisk second("second"), third("third"), fourth("fourth");
    struct State {
        Names visited;
        bdk_bdev* to_remove;
        RawDisk* to_add;
    } state{{}, &third.bdev, &fourth};
    auto visit = [](bdk_bdev* bdev, void* ctx) {
        auto* self = static_cast<State*>(ctx);
        self->visited.emplace_back(bdk_bdev_get_name(bdev));
        bdk_bdev_desc* desc = nullptr;
        EXPECT_EQ(bdk_bdev_open(bdk_bdev_get_name(bdev), BDK_BDEV_OPEN_WRITE, ignore_event, nullptr, &desc),
                  0);
        bdk_bdev_close(desc);
        if (bdk_bdev* victim = std::exchange(self->to_remove, nullptr)) {
            bdk_bdev_unregister(victim, nullptr, nullptr);
            EXPECT_EQ(self->to_add->add(), 0);
        }
        return 0;
    };
    call_on_app_thread([&] {
        ASSERT_EQ(second.add(), 0);
        ASSERT_EQ(third.add(), 0);
        EXPECT_EQ(bdk_for_each_bdev(visit, &state), 0);
    });
    EXPECT_EQ(state.visited, (Names{"disk", "second"})) << "neither the one gone nor the new one";
    EXPECT_TRUE(third.destructed);
    EXPECT_EQ(host.remove("second"), 0);
    EXPECT_EQ(host.remove("fourth"), 0);
}

TEST(Walks, NestAndLetOtherThreadsOpenMeanwhile) {
    RawDisk disk("disk"), second("second");
    TestHost host(test_runtime_options_with_reactors(2));
    host.add(&raw_disk_module);
    struct State {
        bdk_thread* other;
        size_t inner_visits = 0;
        int opened = 0;
    } state{host.new_thread("other", 1)};
    auto visit = [](bdk_bdev* bdev, void* ctx) {
        auto* self = static_cast<State*>(ctx);
        const std::string name = bdk_bdev_get_name(bdev);
        // The walk holds no lock. Otherwise it and the other thread would wait for each other.
        call_on(self->other, [&] {
            bdk_bdev_desc* desc = nullptr;
            auto ignore = [](uint32_t, bdk_bdev*, void*) {};
            self->opened += bdk_bdev_open(name.c_str(), BDK_BDEV_OPEN_WRITE, ignore, nullptr, &desc) == 0;
            bdk_bdev_close(desc);
        });
        return bdk_for_each_bdev(
            [](bdk_bdev*, void* inner_ctx) {
                static_cast<State*>(inner_ctx)->inner_visits++;
                return 0;
            },
            ctx);
    };
    call_on_app_thread([&] {
        ASSERT_EQ(disk.add(), 0);
        ASSERT_EQ(second.add(), 0);
        EXPECT_EQ(bdk_for_each_bdev(visit, &state), 0);
    });
    EXPECT_EQ(state.opened, 2);
    EXPECT_EQ(state.inner_visits, 4u) << "a walk inside each of two visits";
    EXPECT_EQ(host.remove("disk"), 0);
    EXPECT_EQ(host.remove("second"), 0);
}

TEST_F(Lifecycle, LeavesAreTheBdevsThatNobodyClaims) {
    RawLayer layer("layer", "disk");
    Names leaves;
    auto visit = [](bdk_bdev* bdev, void* ctx) {
        static_cast<Names*>(ctx)->emplace_back(bdk_bdev_get_name(bdev));
        bdk_bdev_desc* desc = nullptr;
        EXPECT_EQ(bdk_bdev_open(bdk_bdev_get_name(bdev), BDK_BDEV_OPEN_WRITE, ignore_event, nullptr, &desc),
                  0);
        bdk_bdev_close(desc);
        return 0;
    };
    call_on_app_thread([&] {
        ASSERT_EQ(layer.add(), 0);
        EXPECT_EQ(bdk_for_each_bdev_leaf(visit, &leaves), 0);
        EXPECT_EQ(bdk_for_each_bdev([](bdk_bdev*, void*) { return -EINTR; }, &leaves), -EINTR);
    });
    EXPECT_EQ(leaves, Names{"layer"});
    EXPECT_EQ(host.remove("layer"), 0);
}

/* ---- events ---- */

/// An open desc on a thread of its own that remembers where its events came.
struct Listener {
    explicit Listener(bdk_thread* on) : thread(on) {
        call_on(thread, [&] { EXPECT_EQ(bdk_bdev_open("disk", 0, on_event, this, &desc), 0); });
    }

    static void on_event(uint32_t type, bdk_bdev*, void* ctx) {
        auto* self = static_cast<Listener*>(ctx);
        EXPECT_EQ(bdk_get_thread(), self->thread);
        self->types.push_back(type);
        if (type == BDK_BDEV_EVENT_MEDIA_MANAGEMENT) {
            bdk_bdev_media_event events[2];
            while (uint32_t count = bdk_bdev_get_media_events(self->desc, events, 2, sizeof(events[0])))
                self->media.insert(self->media.end(), events, events + count);
        }
        if (type == BDK_BDEV_EVENT_REMOVE) bdk_bdev_close(self->desc);
    }

    bdk_thread* thread;
    bdk_bdev_desc* desc = nullptr;
    std::vector<uint32_t> types;
    std::vector<bdk_bdev_media_event> media;
};

TEST_F(Lifecycle, EventsComeOnTheThreadOfEachDesc) {
    Listener first(host.new_thread("first"));
    Listener second(host.new_thread("second"));
    const bdk_bdev_media_event events[] = {{0, 8}, {16, 4}, {63, 1}};
    const bdk_bdev_media_event outside = {60, 8};
    call_on_app_thread([&] {
        disk.data.resize(128 * 512);
        EXPECT_EQ(bdk_bdev_push_media_events(&disk.bdev, &outside, 1, sizeof(outside)), -EINVAL);
        EXPECT_EQ(bdk_bdev_push_media_events(&disk.bdev, events, 3, sizeof(events[0])), 0);
        EXPECT_EQ(bdk_bdev_notify_blockcnt_change(&disk.bdev, 128), 0);
    });
    settle(first.thread);
    settle(second.thread);
    EXPECT_EQ(host.remove("disk"), 0);
    const std::vector<uint32_t> expected = {BDK_BDEV_EVENT_MEDIA_MANAGEMENT, BDK_BDEV_EVENT_RESIZE,
                                            BDK_BDEV_EVENT_REMOVE};
    for (Listener* listener : {&first, &second}) {
        EXPECT_EQ(listener->types, expected);
        ASSERT_EQ(listener->media.size(), 3u);
        EXPECT_EQ(listener->media[2].offset_blocks, 63u);
    }
}

TEST_F(Lifecycle, MediaEventsThatNobodyReadsAreBounded) {
    Client client("disk", Access::read);
    std::vector<bdk_bdev_media_event> events(4096, bdk_bdev_media_event{0, 1});
    call_on_app_thread([&] {
        EXPECT_EQ(bdk_bdev_push_media_events(&disk.bdev, events.data(), 4096, sizeof(events[0])), 0);
        EXPECT_EQ(bdk_bdev_push_media_events(&disk.bdev, events.data(), 1, sizeof(events[0])), -ENOSPC);
        bdk_bdev_media_event first;
        EXPECT_EQ(bdk_bdev_get_media_events(client.desc(), &first, 1, sizeof(first)), 1u);
        EXPECT_EQ(bdk_bdev_push_media_events(&disk.bdev, events.data(), 1, sizeof(events[0])), 0);
    });
}

TEST_F(Lifecycle, MediaEventsHaveTheStrideOfEachSide) {
    struct NewerEvent {
        bdk_bdev_media_event known;
        uint64_t more;
    };
    Client client("disk", Access::read);
    call_on_app_thread([&] {
        NewerEvent longer[2] = {{{1, 2}, 0}, {{3, 4}, 0}};
        EXPECT_EQ(bdk_bdev_push_media_events(&disk.bdev, &longer[0].known, 2, sizeof(longer[0])), 0);
        bdk_bdev_media_event known[2] = {};
        EXPECT_EQ(bdk_bdev_get_media_events(client.desc(), known, 2, sizeof(known[0])), 2u);
        EXPECT_EQ(known[1].offset_blocks, 3u);
        EXPECT_EQ(known[1].num_blocks, 4u);

        EXPECT_EQ(bdk_bdev_push_media_events(&disk.bdev, known, 2, sizeof(known[0])), 0);
        longer[1].more = 9;
        EXPECT_EQ(bdk_bdev_get_media_events(client.desc(), &longer[0].known, 2, sizeof(longer[0])), 2u);
        EXPECT_EQ(longer[1].known.num_blocks, 4u);
        EXPECT_EQ(longer[1].more, 0u) << "the host does not know it";

        longer[1].more = 9;
        EXPECT_EQ(bdk_bdev_push_media_events(&disk.bdev, &longer[0].known, 2, sizeof(longer[0])), -E2BIG);
        EXPECT_EQ(bdk_bdev_push_media_events(&disk.bdev, known, 1, 8), -EINVAL);
        EXPECT_EQ(bdk_bdev_get_media_events(client.desc(), known, 1, 8), 0u);
    });
}

TEST_F(Lifecycle, EventOfADescThatHasBeenClosedDoesNotCome) {
    Listener listener(bdk_thread_get_app_thread());
    call_on(listener.thread, [&] {
        EXPECT_EQ(bdk_bdev_notify_blockcnt_change(&disk.bdev, 65), 0);  // the event is under way
        bdk_bdev_close(listener.desc);
    });
    settle(listener.thread);
    EXPECT_TRUE(listener.types.empty());
}

TEST_F(Lifecycle, UnopenedBdevMayShrink) {
    call_on_app_thread([&] {
        EXPECT_EQ(bdk_bdev_notify_blockcnt_change(&disk.bdev, 32), 0);
        EXPECT_EQ(bdk_bdev_get_num_blocks(&disk.bdev), 32u);
        EXPECT_EQ(bdk_bdev_notify_blockcnt_change(&disk.bdev, 0), -EINVAL);
    });
    LogCapture log;
    Client client("disk", Access::read);
    call_on_app_thread([&] { EXPECT_EQ(bdk_bdev_notify_blockcnt_change(&disk.bdev, 16), -EBUSY); });
    EXPECT_TRUE(log.has({"'disk'", "cannot shrink from 32 to 16", "open"}));
    EXPECT_EQ(client.try_read(32, 1).rc, -EINVAL) << "beyond the end";
}

/* ---- removal ---- */

TEST_F(Lifecycle, UnregisterByNameIsTheModulesOwn) {
    bdk_module stranger = raw_disk_module;
    Awaited<int> gone;
    auto set = gone.setter();
    auto cb = [](int rc, void* ctx) { (*static_cast<std::function<void(int)>*>(ctx))(rc); };
    call_on_app_thread([&] {
        EXPECT_EQ(bdk_bdev_unregister_by_name("disk", &stranger, cb, &set), -ENODEV);
        EXPECT_EQ(bdk_bdev_unregister_by_name("nobody", &raw_disk_module, cb, &set), -ENODEV);
        EXPECT_EQ(bdk_bdev_unregister_by_name("disk", &raw_disk_module, cb, &set), 0);
    });
    EXPECT_EQ(gone.get(), 0);
    EXPECT_TRUE(disk.destructed);
}

TEST_F(Lifecycle, OpensAndRemovalFromManyThreadsMeet) {
    constexpr int rounds = 200;
    bdk_thread* threads[] = {host.new_thread("a"), host.new_thread("b")};
    RawDisk victim("victim");
    for (int round = 0; round < rounds; round++) {
        call_on_app_thread([&] { ASSERT_EQ(victim.add(), 0); });
        std::atomic<int> opened{0};
        for (bdk_thread* thread : threads)
            post(thread, [&opened] {
                bdk_bdev_desc* desc = nullptr;
                auto on_event = [](uint32_t, bdk_bdev*, void*) {};
                int rc = bdk_bdev_open("victim", 0, on_event, nullptr, &desc);
                EXPECT_TRUE(rc == 0 || rc == -ENODEV) << rc;
                if (rc == 0) bdk_bdev_close(desc);
                opened++;
            });
        EXPECT_EQ(host.remove("victim"), 0);
        for (bdk_thread* thread : threads)
            settle(thread);
        EXPECT_EQ(opened, 2);
    }
}

TEST_F(Lifecycle, StructIsRegisteredOnce) {
    LogCapture log;
    call_on_app_thread([&] {
        EXPECT_EQ(bdk_bdev_register(&disk.bdev), -EEXIST);
        disk.bdev.name = "renamed";
        EXPECT_EQ(bdk_bdev_register(&disk.bdev), -EEXIST) << "whatever its name is now";
    });
    EXPECT_TRUE(log.has({"its struct bdk_bdev is already registered"}));
    EXPECT_EQ(Client::try_open("disk", Access::read), 0);
    EXPECT_EQ(host.remove("disk"), 0);
    EXPECT_TRUE(disk.destructed);
}

TEST_F(Lifecycle, StructIsFreeAgainWhenItsDestructHasEnded) {
    RawDisk late("late");
    late.never_destructed = true;
    Awaited<int> removed;
    call_on_app_thread([&] { ASSERT_EQ(late.add(), 0); });
    host.start_remove("late", removed.setter());
    settle(bdk_thread_get_app_thread());
    call_on_app_thread([&] {
        EXPECT_EQ(bdk_bdev_register(&late.bdev), -EEXIST) << "its destruct is under way";
        late.end_destruct();
    });
    EXPECT_EQ(removed.get(), 0);
    call_on_app_thread([&] { EXPECT_EQ(late.add(), 0); });
    removed = {};
    host.start_remove("late", removed.setter());
    settle(bdk_thread_get_app_thread());
    call_on_app_thread([&] { late.end_destruct(); });
    EXPECT_EQ(removed.get(), 0);
}

TEST_F(Lifecycle, DestructEndsOnce) {
    uint64_t before = violation_count();
    RawDisk unknown("unknown");
    call_on_app_thread([&] {
        bdk_bdev_destruct_done(&disk.bdev, 0);
        bdk_bdev_destruct_done(&unknown.bdev, 0);
        bdk_bdev_unregister(&unknown.bdev, nullptr, nullptr);
    });
    EXPECT_EQ(violation_count(), before + 3);
    EXPECT_EQ(Client::try_open("disk", Access::read), 0) << "no destruct of it is under way";
    EXPECT_EQ(host.remove("disk"), 0);
    call_on_app_thread([&] {
        bdk_bdev_unregister(&disk.bdev, nullptr, nullptr);
        bdk_bdev_destruct_done(&disk.bdev, 0);
    });
    EXPECT_EQ(violation_count(), before + 5);
}

TEST_F(Lifecycle, BdevThatGoesTakesNoPendingOpen) {
    Client client("disk", Access::read);
    client.on_remove([](Client&) {});
    Awaited<int> removed, opened;
    auto set = opened.setter();
    host.start_remove("disk", removed.setter());
    client.wait_for_event(BDK_BDEV_EVENT_REMOVE);
    auto on_open = [](bdk_bdev_desc* desc, int rc, void* ctx) {
        EXPECT_EQ(desc, nullptr);
        (*static_cast<std::function<void(int)>*>(ctx))(rc);
    };
    call_on_app_thread(
        [&] { EXPECT_EQ(bdk_bdev_open_async("disk", 0, ignore_event, nullptr, 20, on_open, &set), 0); });
    EXPECT_EQ(opened.get(), -ETIMEDOUT) << "it is there, but removing";
    client.close();
    EXPECT_EQ(removed.get(), 0);
}

TEST(Shutdown, GoesTopDownThoughABaseCameAfterTheLayer) {
    RawDisk first("first"), later("later");
    RawLayer layer("layer", "first"), above("above", "layer");
    bdk_bdev_desc* late_desc = nullptr;
    auto ignore = [](uint32_t, bdk_bdev*, void*) {};
    auto host = std::make_unique<TestHost>();
    host->add(&raw_disk_module);
    bool layer_was_there = false;
    layer.on_destruct = [&] {
        layer_was_there = !later.destructed && !first.destructed;
        bdk_bdev_close(late_desc);
    };
    above.on_destruct = [&] { EXPECT_FALSE(layer.destructed); };
    call_on_app_thread([&] {
        ASSERT_EQ(first.add(), 0);
        ASSERT_EQ(layer.add(), 0);
        ASSERT_EQ(later.add(), 0);  // registered after the bdev that will stand on it
        ASSERT_EQ(above.add(), 0);
        ASSERT_EQ(bdk_bdev_open("later", BDK_BDEV_OPEN_WRITE, ignore, nullptr, &late_desc), 0);
        ASSERT_EQ(bdk_bdev_module_claim_bdev(&later.bdev, late_desc, &raw_disk_module), 0);
    });
    host.reset();
    EXPECT_TRUE(layer_was_there);
    EXPECT_TRUE(first.destructed && later.destructed && layer.destructed && above.destructed);
}

/* ---- claims ---- */

TEST_F(Lifecycle, HolderIsNamedToTheWriterAndInTheInfo) {
    EXPECT_EQ(info(&disk.bdev)["claimed"], false);
    Client first("disk", Access::read);
    Client second("disk", Access::read);
    EXPECT_EQ(claim(first, BDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, "replica 1"), 0);
    EXPECT_EQ(claim(second, BDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED, "replica 2"), 0);
    const auto shown = info(&disk.bdev);
    EXPECT_EQ(shown["claim_type"], "read many, write shared");
    EXPECT_EQ(shown["claimed_by"], (nlohmann::ordered_json{"replica 1", "replica 2"}));
    EXPECT_EQ(shown["open_descs"], 2);
    EXPECT_EQ(shown["open_for_writing"], 2);

    LogCapture log;
    EXPECT_EQ(Client::try_open("disk", Access::write), -EPERM);
    EXPECT_TRUE(log.has({"'disk'", "read many, write shared", "'replica 1', 'replica 2'"}));
    call_on_app_thread(
        [&] { EXPECT_EQ(bdk_bdev_module_claim_bdev(&disk.bdev, nullptr, &raw_disk_module), -EPERM); });
    EXPECT_TRUE(log.has({"module 'raw_disk' cannot claim", "'replica 1'"}));
}

TEST_F(Lifecycle, ExclusiveClaimNamesItsModule) {
    call_on_app_thread(
        [&] { EXPECT_EQ(bdk_bdev_module_claim_bdev(&disk.bdev, nullptr, &raw_disk_module), 0); });
    EXPECT_EQ(info(&disk.bdev)["claim_type"], "exclusive write");
    EXPECT_EQ(info(&disk.bdev)["claimed_by"], nlohmann::ordered_json{"raw_disk"});
    LogCapture log;
    EXPECT_EQ(Client::try_open("disk", Access::write), -EPERM);
    EXPECT_TRUE(log.has({"exclusive write", "'raw_disk'"}));
    Client reader("disk", Access::read);
    EXPECT_EQ(claim(reader, BDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, "me"), -EPERM);
    call_on_app_thread([&] { bdk_bdev_module_release_bdev(&disk.bdev, &raw_disk_module); });
}

TEST_F(Lifecycle, WriteOneClaimMakesItsDescTheWriter) {
    Client owner("disk", Access::read);
    Client reader("disk", Access::read);
    EXPECT_EQ(claim(owner, BDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, "owner"), 0);
    EXPECT_TRUE(owner.write(0, pattern(512)).ok());
    EXPECT_EQ(reader.write(0, pattern(512)).rc, -EBADF);
    EXPECT_TRUE(reader.try_read(0, 1).ok());
    EXPECT_EQ(claim(reader, BDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, "rival"), -EPERM);
    EXPECT_EQ(Client::try_open("disk", Access::write), -EPERM);
}

TEST_F(Lifecycle, DescClaimIsRefusedWhileSomebodyWrites) {
    Client writer("disk", Access::write);
    Client reader("disk", Access::read);
    EXPECT_EQ(claim(reader, BDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, "me"), -EBUSY);
    EXPECT_EQ(claim(reader, BDK_BDEV_CLAIM_READ_MANY_WRITE_NONE, "me"), -EBUSY);
    EXPECT_EQ(claim(writer, BDK_BDEV_CLAIM_READ_MANY_WRITE_NONE, "me"), -EBUSY) << "it writes itself";
    EXPECT_EQ(claim(reader, BDK_BDEV_CLAIM_EXCL_WRITE, "me"), -EINVAL) << "no claim of a desc";
}

TEST_F(Lifecycle, ABaseThatHasGoneIsNotListed) {
    auto lost = std::make_unique<RawDisk>("lost");
    RawDisk degraded("degraded");
    const bdk_bdev* bases[] = {&lost->bdev, &disk.bdev, nullptr};
    degraded.bdev.bases = bases;
    const auto listed = [&] {
        Names names;
        call_on_app_thread([&] {
            for (const Bdev* base : bases_of(&degraded.bdev))
                names.push_back(base->name);
        });
        return names;
    };
    call_on_app_thread([&] {
        ASSERT_EQ(lost->add(), 0);
        ASSERT_EQ(degraded.add(), 0);
    });
    EXPECT_EQ(listed(), (Names{"lost", "disk"}));
    EXPECT_EQ(host.remove("lost"), 0);
    lost.reset();
    EXPECT_EQ(listed(), Names{"disk"}) << "its module goes on without the other";
    EXPECT_EQ(host.remove("degraded"), 0);
}

TEST_F(Lifecycle, ABdevWithoutModuleIsRefused) {
    const LogCapture log;
    RawDisk orphan("orphan");
    call_on_app_thread([&] {
        ASSERT_EQ(orphan.add(), 0);
        orphan.bdev.module = nullptr;
    });
    EXPECT_EQ(host.remove("orphan"), 0);
    call_on_app_thread([&] { EXPECT_EQ(bdk_bdev_register(&orphan.bdev), -EINVAL); });
    EXPECT_TRUE(log.has({"bdev 'orphan'", "is refused: module is missing"}));
}

}  // namespace
}  // namespace bdk::test
