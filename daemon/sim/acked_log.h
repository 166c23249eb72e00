// AckedLog: the keys of all records that were acknowledged, to be compared with what was stored: a line each,
// `nserie frame_id codec`.
//
// Takes the frames apart with the codec that the collector uses, so the keys are the collector's own. Buffered; close()
// tells whether all of it was written. Throws std::runtime_error.

#pragma once

#include <fstream>
#include <string>
#include <string_view>

#include "ingest/codec.h"

namespace hilera::sim {

class AckedLog {
 public:
  // Replaces the file. `codec` must be one (ingest::find_codec).
  AckedLog(const std::string& path, std::string_view codec);

  // Adds the records of a frame.
  void add(ingest::Bytes frame);

  void close();

 private:
  std::string path_;
  const ingest::Codec& codec_;
  ingest::Decoded decoded_;
  std::ofstream file_;
};

}  // namespace hilera::sim
