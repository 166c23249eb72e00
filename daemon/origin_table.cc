#include "daemon/origin_table.h"

#include <algorithm>
#include <utility>

namespace hilera {
namespace {

// Stands for a codec that this program does not have.
class LostCodec final : public ingest::Codec {
 public:
  explicit LostCodec(std::string_view name) : name_(name) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::size_t max_datagram_size() const override { return 0; }
  [[nodiscard]] std::span<const std::string_view> reject_reasons() const override { return {}; }
  [[nodiscard]] std::string_view peek_serial(ingest::Bytes) const override { return {}; }
  void decode(ingest::Bytes, ingest::Decoded& out) const override {
    out.clear();
    out.reject("unknown_codec");
  }
  void make_ack(ingest::Bytes, const ingest::Decoded&, ingest::AckStatus, const ingest::KeyRing*,
                ingest::Ack&) const override {}
  void append_fields(ingest::Bytes, const ingest::Record&, std::string& json) const override { json += "{}"; }
  [[nodiscard]] std::optional<std::vector<std::byte>> encode_downlink(std::string_view, std::uint64_t, ingest::Bytes,
                                                                      const ingest::DownlinkPeer&) const override {
    return std::nullopt;
  }

 private:
  std::string name_;
};

}  // namespace

void OriginTable::add(std::shared_ptr<const ingest::Origin> origin) {
  std::pair name(origin->listener, std::string(origin->codec->name()));
  auto& known = origins_[std::move(name)];
  if (known) replaced_.push_back(std::move(known));
  known = std::move(origin);
}

const ingest::Origin& OriginTable::find(std::string_view listener, std::string_view codec_name) {
  const auto [found, added] = origins_.try_emplace({std::string(listener), std::string(codec_name)});
  if (added) {
    found->second = std::make_shared<ingest::Origin>(ingest::Origin{
        .listener = std::string(listener), .codec = &codec(codec_name), .guarded = is_guarded(codec_name)});
  }
  return *found->second;
}

// Of a listener that is no more: as the others of its codec are.
bool OriginTable::is_guarded(std::string_view codec_name) const {
  return std::ranges::any_of(origins_, [&](const auto& each) {
    return each.second && each.second->guarded && each.second->codec->name() == codec_name;
  });
}

const ingest::Codec& OriginTable::codec(std::string_view name) {
  if (const ingest::Codec* known = ingest::find_codec(name)) return *known;
  const auto [found, added] = lost_codecs_.try_emplace(std::string(name));
  if (added) found->second = std::make_unique<LostCodec>(name);
  return *found->second;
}

}  // namespace hilera
