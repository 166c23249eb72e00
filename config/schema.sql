-- The tables of Hilera, for MariaDB 10.11 or later. The one source of their definition: compiled into the programs,
-- applied by `hileractl schema apply`.
--
-- Form: sections that begin with a line `-- step N: name` (each applied once, in order, then recorded in
-- schema_version) or `-- option name: ...`. Statements end with a semicolon at the end of a line, and can be run again
-- after a crash in the middle of a step. What a released step says is never changed; a change is a new step.
--
-- Every time is UTC, whatever the time zone of the session that inserts a row: operators have sessions of their own.

-- step 1: first tables

CREATE TABLE IF NOT EXISTS schema_version (
  version    INT UNSIGNED NOT NULL PRIMARY KEY,
  name       VARCHAR(100) NOT NULL,
  applied_at DATETIME(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4
  COMMENT = 'one row for each step of config/schema.sql that has been applied';

-- One row for each record. Clustered by device and time, in which order it is read; no other key, because each costs a
-- part of the insert rate. `fields` is written by the codecs as valid JSON, so it is not checked again.
CREATE TABLE IF NOT EXISTS frame (
  nserie      VARCHAR(127) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  frame_id    BIGINT UNSIGNED NOT NULL,
  codec       VARCHAR(31)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  arrival     BIGINT       NOT NULL COMMENT 'microseconds since 1970, strictly increasing per collector',
  collector   VARCHAR(63)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  digest      BINARY(8)    NOT NULL COMMENT 'of the content',
  device_time DATETIME(3)  NULL COMMENT 'UTC; NULL when the device has no usable clock',
  received_at DATETIME(6)  AS (TIMESTAMP'1970-01-01 00:00:00' + INTERVAL arrival MICROSECOND) VIRTUAL
                           COMMENT 'UTC; arrival for people to read, costs no space',
  listener    VARCHAR(63)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  peer_ip     INET6        NULL COMMENT 'IPv4 as ::ffff:a.b.c.d',
  peer_port   SMALLINT UNSIGNED NULL,
  auth_level  TINYINT UNSIGNED NOT NULL COMMENT '0 none, 1 source pinned, 2 MAC, 3 AEAD',
  replayed    BOOLEAN      NOT NULL DEFAULT FALSE COMMENT 'put back from dead_letter, out of order',
  fields      MEDIUMTEXT   CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'JSON object',
  raw         MEDIUMBLOB   NULL,
  PRIMARY KEY (nserie, frame_id, codec)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- What is known of each device. Never purged with the frames: it remembers the window against replays.
CREATE TABLE IF NOT EXISTS device (
  nserie        VARCHAR(127) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  codec         VARCHAR(31)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  first_seen    DATETIME(6)  NOT NULL,
  last_seen     DATETIME(6)  NOT NULL,
  peer_ip       INET6        NULL COMMENT 'last address',
  peer_port     SMALLINT UNSIGNED NULL,
  listener      VARCHAR(63)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  collector     VARCHAR(63)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  last_epoch    INT UNSIGNED NULL,
  last_sequence INT UNSIGNED NULL,
  last_arrival  BIGINT       NOT NULL,
  auth_level    TINYINT UNSIGNED NOT NULL,
  PRIMARY KEY (nserie, codec)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Frames on their way to devices. The first key serves the transmitter (what is due), the second what concerns one
-- device (its acknowledgement, the operator's list).
CREATE TABLE IF NOT EXISTS downlink (
  id           BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  nserie       VARCHAR(127) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  payload      MEDIUMBLOB   NOT NULL,
  state        ENUM('queued', 'sent', 'delivered', 'expired', 'failed', 'cancelled')
               CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'queued',
  created_at   DATETIME(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  not_before   DATETIME(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  expires_at   DATETIME(6)  NULL,
  attempts     INT UNSIGNED NOT NULL DEFAULT 0,
  max_attempts INT UNSIGNED NOT NULL DEFAULT 3,
  sent_at      DATETIME(6)  NULL,
  delivered_at DATETIME(6)  NULL,
  last_error   VARCHAR(255) NULL,
  lease_owner  VARCHAR(63)  CHARACTER SET ascii COLLATE ascii_bin NULL,
  lease_until  DATETIME(6)  NULL,
  PRIMARY KEY (id),
  KEY due (state, not_before, id),
  KEY of_device (nserie, state, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Records that frame refuses, and conflicts (the key of a stored record with another content), with the datagram that
-- carried them. The unique key is that of frame and the digest, so that several conflicts with one record have room and
-- a batch that is run again adds nothing.
CREATE TABLE IF NOT EXISTS dead_letter (
  id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  arrival     BIGINT       NOT NULL,
  dead_at     DATETIME(6)  NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  replayed_at DATETIME(6)  NULL,
  reason      VARCHAR(63)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  error       VARCHAR(512) NULL COMMENT 'what the server said',
  listener    VARCHAR(63)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  collector   VARCHAR(63)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  codec       VARCHAR(31)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  nserie      VARCHAR(127) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  frame_id    BIGINT UNSIGNED NOT NULL,
  digest      BINARY(8)    NOT NULL,
  peer_ip     INET6        NULL,
  peer_port   SMALLINT UNSIGNED NULL,
  auth_level  TINYINT UNSIGNED NOT NULL,
  raw         MEDIUMBLOB   NULL,
  PRIMARY KEY (id),
  UNIQUE KEY record (nserie, frame_id, codec, digest)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- step 2: find the dead letters that wait among those that were replayed

ALTER TABLE dead_letter
  ADD KEY IF NOT EXISTS waiting (replayed_at, id);

-- step 3: the window against replays

ALTER TABLE device
  ADD COLUMN IF NOT EXISTS replay_window VARBINARY(128) NULL
    COMMENT 'bit i: number (last_epoch << 32 | last_sequence) - i was stored' AFTER last_sequence;

-- step 4: what devices say of downlinks

ALTER TABLE downlink
  ADD COLUMN IF NOT EXISTS answer VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL
    COMMENT 'what the device said, as far as its protocol has words' AFTER delivered_at;

-- step 5: one downlink at a time for each device, and another attempt when no answer comes

-- The second key finds what a device is being waited for, the first one those whose answer is overdue.
ALTER TABLE downlink
  ADD COLUMN IF NOT EXISTS idempotent BOOLEAN NOT NULL DEFAULT FALSE
    COMMENT 'the device may get it twice, whatever its protocol makes of that' AFTER payload,
  ADD COLUMN IF NOT EXISTS repeatable BOOLEAN NOT NULL DEFAULT TRUE
    COMMENT 'as of the last attempt: another may follow although this one may have reached the device' AFTER max_attempts,
  ADD COLUMN IF NOT EXISTS retry_at DATETIME(6) NULL
    COMMENT 'sent: until then an answer is waited for, NULL when none comes; queued: no attempt before' AFTER sent_at,
  ADD KEY IF NOT EXISTS retry (retry_at),
  ADD KEY IF NOT EXISTS busy (nserie, retry_at);

-- option order-audit: the order in which rows were stored, for demo and tests; costs a third of the insert rate

ALTER TABLE frame
  ADD COLUMN IF NOT EXISTS commit_seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  ADD KEY IF NOT EXISTS commit_seq (commit_seq);
