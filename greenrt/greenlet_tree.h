// What the greenlets of a hub do, for people: a tree by who has started whom, and who waits for whom.
//
// Never yields. Takes as long as there are greenlets: not for hot paths.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "greenrt/deadline.h"

namespace greenrt {

class Hub;

struct GreenletInfo {
  enum class State : std::uint8_t { kNotYetRun, kReady, kRunning, kWaiting };

  std::uint64_t number = 0;
  std::uint64_t spawner = 0;  // its number; 0 for the hub itself
  std::string name;
  std::string kind;
  State state = State::kReady;
  Duration in_state{};               // not for kRunning
  Duration age{};                    // since it was started
  std::string waiting_for;           // "Event", "socket read": only for kWaiting
  const void* waiting_in = nullptr;  // the same for all who wait for the same thing; nullptr if that is not known
  std::uint64_t waiting_on = 0;  // the greenlet that would have to end, or to let the lock go; 0 if that is not known
};

// In the order in which they were started.
std::vector<GreenletInfo> list_greenlets(Hub& hub);

// Greenlets that wait for each other's end or locks in a circle, none of which can ever go on: as indices, each circle
// once, from its lowest index on.
std::vector<std::vector<std::size_t>> wait_circles(const std::vector<GreenletInfo>& greenlets);

// One line each, indented below its spawner, the circles after that. Of siblings that have started nobody and wait for
// the same kind of thing, only the first few have lines of their own. At most `limit` lines for greenlets.
std::string greenlet_tree(const std::vector<GreenletInfo>& greenlets, std::size_t limit = 200);

inline std::string describe_greenlets(Hub& hub, std::size_t limit = 200) {
  return greenlet_tree(list_greenlets(hub), limit);
}

}  // namespace greenrt
