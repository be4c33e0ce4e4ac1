// SPDX-License-Identifier: BSD-3-Clause
#include "bdev/lifecycle/client_data.hpp"

#include <algorithm>
#include <mutex>
#include <set>

#include "bdev/model/bdev_list.hpp"

namespace bdk {

namespace {

struct ClientData {
    std::mutex mutex;
    std::set<std::string, std::less<>> names;
};

ClientData& client_data() {
    static ClientData instance;
    return instance;
}

/// True if the name was not noted before.
bool note(const std::string& name) {
    std::scoped_lock lock(client_data().mutex);
    return client_data().names.insert(name).second;
}

bool is_noted(const std::string& name) {
    std::scoped_lock lock(client_data().mutex);
    return client_data().names.contains(name);
}

std::vector<std::string> base_names_of(const std::string& name) {
    std::unique_lock<std::mutex> lock;
    const Bdev* bdev = find_bdev(name, lock);
    return bdev == nullptr ? std::vector<std::string>() : bdev->base_names;
}

bool has_noted_name(Bdev* bdev) {
    const std::vector<std::string> names = names_of(bdev);
    return std::any_of(names.begin(), names.end(), is_noted);
}

/// Calls fn(name) for these bdevs and everything below them, once each, until fn returns false.
template <typename Fn>
void walk_down(std::vector<std::string> names, Fn fn) {
    std::set<std::string> seen;
    while (!names.empty()) {
        const std::string name = std::move(names.back());
        names.pop_back();
        if (!seen.insert(name).second) continue;
        if (!fn(name)) return;
        for (std::string& base : base_names_of(name))
            names.push_back(std::move(base));
    }
}

void note_below(const Bdev* bdev) {
    walk_down(bdev->base_names, [](const std::string& name) {
        note(name);
        return true;
    });
}

}  // namespace

void note_client_data(const std::vector<std::string>& names) {
    for (const std::string& name : names)
        note(name);
}

void note_client_data(Bdev* bdev) {
    if (note(bdev->name)) note_below(bdev);
}

void follow_client_data(Bdev* bdev) {
    if (!has_noted_name(bdev)) return;
    note(bdev->name);
    note_below(bdev);
}

bool holds_client_data(Bdev* bdev) {
    if (has_noted_name(bdev)) return true;
    bool found = false;
    walk_down(bdev->base_names, [&](const std::string& name) {
        found = is_noted(name);
        return !found;
    });
    return found;
}

void client_data_reset() {
    std::scoped_lock lock(client_data().mutex);
    client_data().names.clear();
}

}  // namespace bdk
