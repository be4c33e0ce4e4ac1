// SPDX-License-Identifier: BSD-3-Clause
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "stack/sections.hpp"

namespace bdevkit::host {

namespace {

/// Depth-first search without recursion, because stacks may be thousands of bdevs high.
class Sorter {
public:
    Sorter(const std::vector<BdevSpec>& bdevs, Problems& problems)
        : bdevs_(bdevs), problems_(problems), marks_(bdevs.size(), Mark::fresh) {
        for (size_t i = 0; i < bdevs.size(); ++i)
            if (!bdevs[i].name.empty()) index_.emplace(bdevs[i].name, i);
    }

    std::vector<size_t> sort() {
        for (size_t i = 0; i < bdevs_.size(); ++i)
            visit(i);
        return std::move(order_);
    }

private:
    enum class Mark { fresh, open, done };
    struct Step {
        size_t bdev;
        size_t next_base = 0;
    };

    void visit(size_t first) {
        if (marks_[first] != Mark::fresh) return;
        push(first);
        while (!path_.empty()) {
            Step& step = path_.back();
            const std::vector<BaseRef>& bases = bdevs_[step.bdev].bases;
            if (step.next_base == bases.size()) {
                marks_[step.bdev] = Mark::done;
                order_.push_back(step.bdev);
                path_.pop_back();
                continue;
            }
            const BaseRef& base = bases[step.next_base++];
            const auto found = index_.find(base.maker);
            if (found == index_.end()) continue;
            if (marks_[found->second] == Mark::open) report_circle(found->second, base);
            if (marks_[found->second] == Mark::fresh) push(found->second);
        }
    }

    void push(size_t bdev) {
        marks_[bdev] = Mark::open;
        path_.push_back({bdev});
    }

    void report_circle(size_t start, const BaseRef& closing) {
        constexpr size_t shown = 8;
        std::vector<std::string> names;
        const auto begin =
            std::find_if(path_.begin(), path_.end(), [&](const Step& step) { return step.bdev == start; });
        for (auto step = begin; step != path_.end(); ++step) {
            if (names.size() == shown) {
                names.emplace_back("...");
                break;
            }
            names.push_back(bdevs_[step->bdev].name);
        }
        names.push_back(bdevs_[start].name);
        problems_.add(closing.at,
                      fmt::format("the bases of bdevs form a cycle: {}", fmt::join(names, " -> ")));
    }

    const std::vector<BdevSpec>& bdevs_;
    Problems& problems_;
    std::unordered_map<std::string, size_t> index_;
    std::vector<Mark> marks_;
    std::vector<Step> path_;
    std::vector<size_t> order_;
};

}  // namespace

void order_bdevs(std::vector<BdevSpec>& bdevs, Problems& problems) {
    const std::vector<size_t> order = Sorter(bdevs, problems).sort();
    std::vector<BdevSpec> sorted;
    sorted.reserve(bdevs.size());
    for (const size_t i : order)
        sorted.push_back(std::move(bdevs[i]));
    bdevs = std::move(sorted);
}

}  // namespace bdevkit::host
