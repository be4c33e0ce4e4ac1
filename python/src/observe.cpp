// SPDX-License-Identifier: BSD-3-Clause
#include "observe.hpp"

#include <bdevkit/bdev.h>
#include <bdevkit/desc.h>
#include <bdevkit/device_stat.h>
#include <bdevkit/histogram.h>
#include <bdevkit/json.h>
#include <bdevkit/qos.h>

#include <cerrno>
#include <functional>
#include <utility>

#include "bdev/model/bdev_list.hpp"
#include "json/json_text.hpp"
#include "json/json_writer.hpp"
#include "module_statistics.hpp"
#include "runtime/runtime.hpp"

namespace bdevkit::python {

namespace {

/// A query to a bdev, which a desc of the app thread keeps alive meanwhile.
class Question {
public:
    using Fn = std::function<void(bdk_bdev*, Question&)>;

    /// Opens the bdev and calls ask(bdev, question), which leads to one answer(). @return the answer
    static int ask(const std::string& name, const Fn& ask) {
        Question question;
        return bdk::await_on_app_thread([&](bdk::Done done) {
            const auto ignore_event = [](uint32_t, bdk_bdev*, void*) {
            };  // closed soon, with or without a removal
            const int rc = bdk_bdev_open(name.c_str(), 0, ignore_event, nullptr, &question.desc_);
            if (rc != 0) return done(rc);
            question.done_ = std::move(done);
            ask(bdk_bdev_desc_get_bdev(question.desc_), question);
        });
    }

    void answer(int rc) {
        bdk_bdev_close(desc_);
        // The caller may return as soon as it has its answer, which destroys this object.
        const bdk::Done done = std::move(done_);
        done(rc);
    }

    std::string* text = nullptr;  ///< for the answer, if there is one

private:
    bdk_bdev_desc* desc_ = nullptr;
    bdk::Done done_;
};

void answered(int rc, void* question) {
    static_cast<Question*>(question)->answer(rc);
}

void add_bases(const bdk_bdev* bdev, bdk_json_writer& writer) {
    bdk_json_array_begin(&writer, "bases");
    for (const bdk::Bdev* base : bdk::bases_of(bdev))
        bdk_json_string(&writer, nullptr, base->name.c_str());
    bdk_json_array_end(&writer);
}

void stat_came(bdk_bdev*, bdk_bdev_io_stat*, int rc, void* question) {
    answered(rc, question);
}

uint32_t mode_of(bool maxmin) {
    return maxmin ? BDK_BDEV_RESET_STAT_MAXMIN : BDK_BDEV_RESET_STAT_ALL;
}

/// The counters, with the module's own as "driver_specific".
std::string stats_text(const bdk_bdev_io_stat& stat, const std::string& module) {
    bdk_json_writer writer;
    bdk_bdev_io_stat_dump_json(&stat, &writer);
    nlohmann::ordered_json root = writer.root();
    root["driver_specific"] = nlohmann::ordered_json::parse(module.empty() ? "{}" : module);
    return bdk::json_text(root);
}

}  // namespace

std::vector<std::string> bdev_names() {
    std::vector<std::string> names;
    bdk::call_on_app_thread([&] {
        const auto add = [](bdk_bdev* bdev, void* ctx) {
            static_cast<std::vector<std::string>*>(ctx)->emplace_back(bdk_bdev_get_name(bdev));
            return 0;
        };
        bdk_for_each_bdev(add, &names);
    });
    return names;
}

Json bdev_info(const std::string& name) {
    Json result = tl::unexpected(-ENODEV);
    bdk::call_on_app_thread([&] {
        bdk_bdev* bdev = bdk_bdev_get_by_name(name.c_str());
        if (bdev == nullptr) return;
        bdk_json_writer writer;
        bdk_bdev_dump_info_json(bdev, &writer);
        add_bases(bdev, writer);
        result = bdk::json_text(writer.root());
    });
    return result;
}

Json bdev_stats(const std::string& name) {
    bdk_bdev_io_stat stat{.size = sizeof(stat)};
    std::string module;
    const int rc = Question::ask(name, [&](bdk_bdev* bdev, Question& question) {
        module = host::module_statistics(bdev);
        bdk_bdev_get_device_stat(bdev, &stat, stat_came, &question);
    });
    if (rc != 0) return tl::unexpected(rc);
    return stats_text(stat, module);
}

Json take_stats(const std::string& name, bool maxmin) {
    bdk_bdev_io_stat stat{.size = sizeof(stat)};
    std::string module;
    const int rc = Question::ask(name, [&](bdk_bdev* bdev, Question& question) {
        module = host::module_statistics(bdev);
        bdk_bdev_take_device_stat(bdev, &stat, mode_of(maxmin), stat_came, &question);
    });
    if (rc != 0) return tl::unexpected(rc);
    return stats_text(stat, module);
}

int reset_stats(const std::string& name, bool maxmin) {
    return Question::ask(name, [&](bdk_bdev* bdev, Question& question) {
        bdk_bdev_reset_device_stat(
            bdev, mode_of(maxmin), [](bdk_bdev*, int result, void* ctx) { answered(result, ctx); },
            &question);
    });
}

int enable_histogram(const std::string& name, bool enable, uint64_t types) {
    return Question::ask(name, [&](bdk_bdev* bdev, Question& question) {
        bdk_bdev_histogram_enable(bdev, enable, types, answered, &question);
    });
}

Json histogram(const std::string& name) {
    std::string text;
    const auto got = [](const bdk_histogram* histogram, int rc, void* ctx) {
        auto& question = *static_cast<Question*>(ctx);
        if (rc == 0) {
            bdk_json_writer writer;
            bdk_histogram_dump_json(histogram, &writer);
            bdk_json_array_begin(&writer, "buckets");
            const auto add = [](uint64_t first_ns, uint64_t last_ns, uint64_t count, void* w) {
                auto* json = static_cast<bdk_json_writer*>(w);
                bdk_json_array_begin(json, nullptr);
                for (const uint64_t number : {first_ns, last_ns, count})
                    bdk_json_u64(json, nullptr, number);
                bdk_json_array_end(json);
            };
            bdk_histogram_for_each_bucket(histogram, add, &writer);
            bdk_json_array_end(&writer);
            *question.text = bdk::json_text(writer.root());
        }
        question.answer(rc);
    };
    const int rc = Question::ask(name, [&](bdk_bdev* bdev, Question& question) {
        question.text = &text;
        bdk_bdev_histogram_get(bdev, got, &question);
    });
    if (rc != 0) return tl::unexpected(rc);
    return text;
}

int set_qos(const std::string& name, uint64_t rw_iops, uint64_t rw_bytes, uint64_t read_bytes,
            uint64_t write_bytes) {
    const bdk_bdev_qos_limits limits{.size = sizeof(limits),
                                     .rw_iops = rw_iops,
                                     .rw_bytes_per_second = rw_bytes,
                                     .read_bytes_per_second = read_bytes,
                                     .write_bytes_per_second = write_bytes};
    return Question::ask(name, [&](bdk_bdev* bdev, Question& question) {
        bdk_bdev_set_qos_rate_limits(bdev, &limits, answered, &question);
    });
}

}  // namespace bdevkit::python
