-- Deletes what is old: rows of `frame`, downlinks that have ended, and dead letters that were put back.
--
--   mariadb --defaults-file=/etc/hilera/purge.cnf hilera <config/purge.sql
--
-- How old is said beforehand, best by init-command in that file: SET @frame_days = 90. @downlink_days and
-- @dead_letter_days are the same unless they are set. With SET @purge_all = TRUE every row is looked at (see below).
--
-- Never deleted: `device`, which remembers what devices have proved; downlinks that have not ended; dead letters that
-- nobody has put back, because they are the only place where their records are.
--
-- The account needs SELECT and DELETE on frame, downlink and dead_letter, and nothing else. A transaction is at most
-- 1000 keys of one device, held for milliseconds, and followed by a pause. `frame` has no key by arrival, which would
-- cost a part of the insert rate; so the rows of each device are walked through in the order of their key, which is that
-- of their time, until 1000 are reached of which none is old. That is done for each kind of key by itself, because the
-- kinds stand one after the other: epochs that count the starts of a device, times, epochs that are times. Rows of
-- devices without a clock have no order and are all looked at. What remains is a row of a device whose clock ran ahead:
-- it goes when its time has come, or with @purge_all.

SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET SESSION innodb_lock_wait_timeout = 5;
SET SESSION time_zone = '+00:00';

DELIMITER //

BEGIN NOT ATOMIC
  DECLARE chunk INT UNSIGNED DEFAULT 1000;
  DECLARE pause DOUBLE DEFAULT 0.01;
  -- Where the kinds of keys begin: milliseconds << 20 (of 2004 to 2109), seconds << 32 (of 2004 to 2038), no clock.
  DECLARE of_time BIGINT UNSIGNED DEFAULT 1 << 60;
  DECLARE of_epoch BIGINT UNSIGNED DEFAULT 1 << 62;
  DECLARE without_clock BIGINT UNSIGNED DEFAULT 1 << 63;
  DECLARE oldest_arrival BIGINT;
  DECLARE device VARCHAR(127) CHARACTER SET ascii COLLATE ascii_bin;
  DECLARE from_id, to_id BIGINT UNSIGNED;
  DECLARE deleted INT;
  DECLARE frames, downlinks, dead_letters BIGINT UNSIGNED DEFAULT 0;

  IF @frame_days IS NULL OR @frame_days < 1 THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'set @frame_days to the number of days that frames are kept, at least 1';
  END IF;
  IF GET_LOCK('hilera_purge', 0) <> 1 THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'another purge is at work';
  END IF;
  SET oldest_arrival = TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6) - INTERVAL @frame_days DAY);

  SET device = (SELECT MIN(nserie) FROM frame);
  WHILE device IS NOT NULL DO
    SET from_id = 0;
    WHILE from_id IS NOT NULL DO
      -- The first key behind this chunk; none: to the device's end.
      SET to_id = (SELECT frame_id FROM frame WHERE nserie = device AND frame_id >= from_id
                   ORDER BY frame_id LIMIT 1 OFFSET chunk);
      IF to_id = from_id THEN
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'more than 1000 rows of one device with one frame_id';
      END IF;
      IF to_id IS NULL THEN
        DELETE FROM frame WHERE nserie = device AND frame_id >= from_id AND arrival < oldest_arrival;
      ELSE
        DELETE FROM frame
          WHERE nserie = device AND frame_id >= from_id AND frame_id < to_id AND arrival < oldest_arrival;
      END IF;
      SET deleted = ROW_COUNT();
      SET frames = frames + deleted;
      IF deleted > 0 THEN
        DO SLEEP(pause);
      ELSEIF NOT COALESCE(@purge_all, FALSE) THEN
        SET to_id = GREATEST(to_id, CASE WHEN from_id < of_time THEN of_time
                                         WHEN from_id < of_epoch THEN of_epoch
                                         WHEN from_id < without_clock THEN without_clock
                                         ELSE to_id END);
      END IF;
      SET from_id = to_id;
    END WHILE;
    SET device = (SELECT MIN(nserie) FROM frame WHERE nserie > device);
  END WHILE;

  REPEAT
    DELETE FROM downlink
      WHERE (state IN ('delivered', 'expired', 'failed', 'cancelled') OR (state = 'sent' AND retry_at IS NULL))
        AND GREATEST(created_at, not_before, COALESCE(sent_at, created_at), COALESCE(delivered_at, created_at),
                     COALESCE(lease_until, created_at))
            < UTC_TIMESTAMP(6) - INTERVAL COALESCE(@downlink_days, @frame_days) DAY
      LIMIT chunk;
    SET deleted = ROW_COUNT();
    SET downlinks = downlinks + deleted;
    DO SLEEP(pause);
  UNTIL deleted < chunk END REPEAT;

  REPEAT
    DELETE FROM dead_letter
      WHERE replayed_at < UTC_TIMESTAMP(6) - INTERVAL COALESCE(@dead_letter_days, @frame_days) DAY
      LIMIT chunk;
    SET deleted = ROW_COUNT();
    SET dead_letters = dead_letters + deleted;
    DO SLEEP(pause);
  UNTIL deleted < chunk END REPEAT;

  DO RELEASE_LOCK('hilera_purge');
  SELECT frames, downlinks, dead_letters;
END //

DELIMITER ;
