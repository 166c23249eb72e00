#include "greenrt/greenlet_tree.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <tuple>
#include <unordered_map>

#include "greenrt/hub.h"

namespace greenrt {
namespace {

constexpr std::size_t kAlikeShown = 3;

std::string text_of(Duration duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  std::array<char, 32> text{};
  if (seconds < 1) {
    std::snprintf(text.data(), text.size(), "%.1f ms", seconds * 1e3);
  } else if (seconds < 600) {
    std::snprintf(text.data(), text.size(), "%.1f s", seconds);
  } else {
    std::snprintf(text.data(), text.size(), "%.0f min", seconds / 60);
  }
  return text.data();
}

std::string label(const GreenletInfo& greenlet) {
  return "#" + std::to_string(greenlet.number) + " " + greenlet.name;
}

class Tree {
 public:
  Tree(const std::vector<GreenletInfo>& greenlets, std::size_t limit) : greenlets_(greenlets), left_(limit) {
    for (std::size_t i = 0; i < greenlets.size(); ++i)
      by_number_[greenlets[i].number] = i;
    for (std::size_t i = 0; i < greenlets.size(); ++i)
      children_[by_number_.contains(greenlets[i].spawner) ? greenlets[i].spawner : kNobody].push_back(i);
  }

  std::string text() {
    add_children_of(kNobody, 1);
    if (untold_ > 0) text_ += "  and " + std::to_string(untold_) + " more\n";
    for (const std::vector<std::size_t>& circle : wait_circles(greenlets_))
      add_circle(circle);
    return std::move(text_);
  }

 private:
  static constexpr std::uint64_t kNobody = 0;  // of the hub, or of a greenlet that has ended

  void add_children_of(std::uint64_t spawner, std::size_t depth) {
    const auto found = children_.find(spawner);
    if (found == children_.end()) return;
    using Likeness = std::tuple<std::string, GreenletInfo::State, std::string>;
    std::map<Likeness, std::size_t> shown;
    std::map<Likeness, std::size_t> alike;
    for (const std::size_t i : found->second) {
      const GreenletInfo& greenlet = greenlets_[i];
      const Likeness likeness{greenlet.kind, greenlet.state, greenlet.waiting_for};
      if (!children_.contains(greenlet.number) && ++shown[likeness] > kAlikeShown) {
        ++alike[likeness];
        continue;
      }
      if (left_ == 0) {
        untold_ += 1 + number_below(greenlet.number);
        continue;
      }
      --left_;
      text_ += std::string(2 * depth, ' ') + line(greenlet) + "\n";
      add_children_of(greenlet.number, depth + 1);
    }
    for (const auto& [likeness, count] : alike) {
      const auto& [kind, state, waiting_for] = likeness;
      text_ += std::string(2 * depth, ' ') + "and " + std::to_string(count) + " more of kind " + kind + ": " +
               doing(state, waiting_for) + "\n";
    }
  }

  // Without recursion: a chain of spawners may be longer than the stack is deep.
  std::size_t number_below(std::uint64_t spawner) const {
    std::size_t count = 0;
    std::vector<std::uint64_t> spawners{spawner};
    while (!spawners.empty()) {
      const auto found = children_.find(spawners.back());
      spawners.pop_back();
      if (found == children_.end()) continue;
      count += found->second.size();
      for (const std::size_t i : found->second)
        spawners.push_back(greenlets_[i].number);
    }
    return count;
  }

  static std::string doing(GreenletInfo::State state, const std::string& waiting_for) {
    switch (state) {
      case GreenletInfo::State::kNotYetRun:
        return "has not run yet";
      case GreenletInfo::State::kReady:
        return "is ready";
      case GreenletInfo::State::kRunning:
        return "runs";
      case GreenletInfo::State::kWaiting:
        break;
    }
    return "waits for " + waiting_for;
  }

  std::string line(const GreenletInfo& greenlet) {
    std::string text = label(greenlet);
    if (!by_number_.contains(greenlet.spawner) && greenlet.spawner != kNobody)
      text += " (from #" + std::to_string(greenlet.spawner) + ", which has ended)";
    text += ": " + doing(greenlet.state, greenlet.waiting_for);
    if (const auto on = by_number_.find(greenlet.waiting_on); on != by_number_.end())
      text += (greenlet.waiting_for.starts_with("the end") ? " " : " of ") + label(greenlets_[on->second]);
    if (greenlet.state != GreenletInfo::State::kRunning) text += ", " + text_of(greenlet.in_state);
    return text + ", age " + text_of(greenlet.age);
  }

  void add_circle(const std::vector<std::size_t>& circle) {
    text_ += "  a circle, in which nobody can go on: ";
    for (const std::size_t i : circle)
      text_ += label(greenlets_[i]) + " -> ";
    text_ += label(greenlets_[circle.front()]) + "\n";
  }

  const std::vector<GreenletInfo>& greenlets_;
  std::size_t left_;
  std::size_t untold_ = 0;
  std::unordered_map<std::uint64_t, std::size_t> by_number_;
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> children_;
  std::string text_;
};

}  // namespace

std::vector<GreenletInfo> list_greenlets(Hub& hub) {
  const auto now = Clock::now();
  std::vector<GreenletInfo> list;
  list.reserve(hub.stats_.greenlets);
  for (Greenlet& greenlet : hub.all_) {
    if (greenlet.ready()) continue;
    GreenletInfo& info = list.emplace_back();
    info.number = greenlet.number_;
    info.spawner = greenlet.spawner_;
    info.name = greenlet.name();
    info.kind = greenlet.kind_->name();
    info.in_state = now - greenlet.since();
    info.age = now - greenlet.started_at_;
    if (&greenlet == hub.running_) {
      info.state = GreenletInfo::State::kRunning;
    } else if (greenlet.state_ == Greenlet::State::kStarted) {
      info.state = GreenletInfo::State::kNotYetRun;
    } else if (greenlet.queued()) {
      info.state = GreenletInfo::State::kReady;
    } else {
      info.state = GreenletInfo::State::kWaiting;
      info.waiting_for = greenlet.waiting_for();
      info.waiting_in = greenlet.waiting_in_;
      info.waiting_on = greenlet.waiting_in_ ? greenlet.waiting_in_->owner() : 0;
    }
  }
  return list;
}

std::string greenlet_tree(const std::vector<GreenletInfo>& greenlets, std::size_t limit) {
  return Tree(greenlets, limit).text();
}

std::vector<std::vector<std::size_t>> wait_circles(const std::vector<GreenletInfo>& greenlets) {
  std::unordered_map<std::uint64_t, std::size_t> by_number;
  for (std::size_t i = 0; i < greenlets.size(); ++i)
    by_number[greenlets[i].number] = i;
  std::vector<std::vector<std::size_t>> circles;
  std::vector<std::size_t> visit(greenlets.size(), 0);  // on which walk it was first met
  for (std::size_t start = 0; start < greenlets.size(); ++start) {
    std::size_t at = start;
    while (visit[at] == 0) {
      visit[at] = start + 1;
      const auto next = by_number.find(greenlets[at].waiting_on);
      if (next == by_number.end()) break;
      at = next->second;
      if (visit[at] != start + 1) continue;
      std::vector<std::size_t>& circle = circles.emplace_back();
      for (std::size_t each = at; circle.empty() || each != at; each = by_number.at(greenlets[each].waiting_on))
        circle.push_back(each);
      std::rotate(circle.begin(), std::ranges::min_element(circle), circle.end());
      break;
    }
  }
  return circles;
}

}  // namespace greenrt
