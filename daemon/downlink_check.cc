#include "daemon/downlink_check.h"

#include <algorithm>

namespace hilera {

std::vector<const ingest::Codec*> DownlinkCheck::codecs_of(std::string_view nserie) const {
  if (const ingest::Device* device = intake_.devices().find(nserie)) return {&device->listener()->codec()};
  std::vector<const ingest::Codec*> codecs;
  const auto add = [&](const ingest::Codec* codec) {
    if (codec && std::ranges::find(codecs, codec) == codecs.end()) codecs.push_back(codec);
  };
  for (const std::string& name : table_.codecs_of(nserie))
    add(ingest::find_codec(name));
  if (!codecs.empty()) return codecs;
  for (const auto& listener : intake_.listeners())
    if (!listener->retired()) add(&listener->codec());
  return codecs;
}

std::string DownlinkCheck::obstacle(std::string_view nserie, ingest::Bytes payload) const {
  std::string obstacles;
  for (const ingest::Codec* codec : codecs_of(nserie)) {
    const std::string obstacle = codec->downlink_obstacle(nserie, payload);
    if (obstacle.empty()) return "";
    if (!obstacles.empty()) obstacles += "; ";
    obstacles += "codec " + std::string(codec->name()) + " " + obstacle;
  }
  return obstacles;
}

}  // namespace hilera
