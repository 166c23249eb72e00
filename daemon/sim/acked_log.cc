#include "daemon/sim/acked_log.h"

#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "ingest/frame_id.h"

namespace hilera::sim {
namespace {

const ingest::Codec& checked_codec(std::string_view name) {
  const ingest::Codec* codec = ingest::find_codec(name);
  if (!codec) throw std::invalid_argument("there is no codec " + std::string(name));
  return *codec;
}

}  // namespace

AckedLog::AckedLog(const std::string& path, std::string_view codec)
    : path_(path), codec_(checked_codec(codec)), file_(path, std::ios::binary | std::ios::trunc) {
  if (!file_) throw std::system_error(errno, std::generic_category(), path);
}

void AckedLog::add(ingest::Bytes frame) {
  codec_.decode(frame, decoded_);
  if (decoded_.verdict != ingest::Verdict::kRecords) {
    throw std::logic_error("a frame was acknowledged that is none: " + std::string(decoded_.reason));
  }
  if (decoded_.tagged) decoded_.prove(ingest::AuthLevel::kMac);  // which the collector must have checked to acknowledge
  ingest::identify(decoded_.records);
  for (const ingest::Record& record : decoded_.records)
    file_ << decoded_.nserie << ' ' << record.frame_id << ' ' << codec_.name() << '\n';
}

void AckedLog::close() {
  file_.close();
  if (!file_) throw std::runtime_error(path_ + ": not all of it could be written");
}

}  // namespace hilera::sim
