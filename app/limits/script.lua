-- Reservations and corrections in Redis, by the rules of state.py; keep them alike.
--
-- KEYS: in the order of the operations, those that each names below. All have the same hash tag.
-- ARGV[1]: a JSON array of operations, each an array:
--   "reserve", force, lease (ms), open (ms; 0: no correction follows), [[kept (ms), measure, limit, amount, measure, limit, amount, ...], ...]
--     KEYS: the request's, and for each subject that of its counts and that of its leases
--   "correct", second, [[measure, difference, ...], ...], leases
--     KEYS: the request's, for each subject that of its counts, and those of the leases that end
--   "renew", lease (ms), leases
--     KEYS: the request's, and those of its leases
-- Returns a string for each operation; for "reserve" numbers: whether it was made, the time in microseconds, and for
-- each limit what was used, from which second it is free, and the second of the newest slot.
--
-- A request's key is there from its reservation to its correction, so that a correction which is sent again, since
-- nobody knows whether it arrived, counts once.

local REQUESTS, TOKENS, DAY, CONCURRENT, MONTH, MONEY = 0, 1, 2, 3, 4, 5
local WINDOW = 60
local SLOTS = 8
local TOTAL = {[DAY] = 2, [MONTH] = 4, [MONEY] = 5, [REQUESTS] = 6, [TOKENS] = 7}
local IN_SLOT = {[REQUESTS] = 1, [TOKENS] = 2}

local time = redis.call('TIME')
local second = tonumber(time[1])
local milliseconds = second * 1000 + math.floor(tonumber(time[2]) / 1000)

local function day_of(at)
  return math.floor(at / 86400)
end

-- The number of a day's month since the year 0. Years begin in March here, so that a leap day is the last one; see
-- civil_from_days in https://howardhinnant.github.io/date_algorithms.html.
local function month_of(day)
  local z = day + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local march = math.floor((5 * doy + 2) / 153)
  return (yoe + era * 400) * 12 + march + 2
end

local function read(key)
  local data = redis.call('GET', key)
  return data and cmsgpack.unpack(data) or {0, 0, 0, 0, 0, 0, 0}
end

local function newest(state)
  return #state >= SLOTS and state[#state - 2] or 0
end

-- Returns a state without what does not count any more.
local function advanced(state)
  local day = day_of(second)
  if state[1] ~= day then
    state[1], state[2] = day, 0
    local month = month_of(day)
    if state[3] ~= month then
      state[3], state[4], state[5] = month, 0, 0
    end
  end
  local first = SLOTS
  if newest(state) > second + WINDOW then -- the clock was put back
    first = #state + 1
    state[6], state[7] = 0, 0
  end
  while first <= #state and state[first] <= second - WINDOW do
    state[6] = state[6] - state[first + 1]
    state[7] = state[7] - state[first + 2]
    first = first + 3
  end
  if first == SLOTS then
    return state
  end
  local kept = {unpack(state, 1, SLOTS - 1)}
  for at = first, #state do
    kept[#kept + 1] = state[at]
  end
  return kept
end

-- Returns the second from which `excess` less of a minute's measure is counted.
local function free(state, measure, excess)
  local place, at = IN_SLOT[measure], 0
  if not place then
    return 0
  end
  for slot = SLOTS, #state, 3 do
    at = state[slot] + WINDOW
    excess = excess - state[slot + place]
    if excess <= 0 then
      break
    end
  end
  return at
end

local function add(state, measure, amount)
  state[TOTAL[measure]] = state[TOTAL[measure]] + amount
  local place = IN_SLOT[measure]
  if place then
    if newest(state) < second then
      local n = #state
      state[n + 1], state[n + 2], state[n + 3] = second, 0, 0
    end
    local slot = #state - 2
    state[slot + place] = state[slot + place] + amount
  end
end

local function correct(state, measure, difference, at)
  local place = IN_SLOT[measure]
  if place then
    local slot = #state - 2
    while slot >= SLOTS and state[slot] > at do
      slot = slot - 3
    end
    if slot < SLOTS or state[slot] ~= at then
      return
    end
    difference = math.max(difference, -state[slot + place])
    state[slot + place] = state[slot + place] + difference
  elseif measure == DAY then
    if state[1] ~= day_of(at) then
      return
    end
  elseif state[3] ~= month_of(day_of(at)) then
    return
  end
  state[TOTAL[measure]] = math.max(state[TOTAL[measure]] + difference, 0)
end

local keys = 0
local function next_key()
  keys = keys + 1
  return KEYS[keys]
end

local operations = {}

function operations.reserve(force, lease, open, holds)
  local request = next_key()
  local granted, counts, subjects = true, {}, {}
  for each, hold in ipairs(holds) do
    local subject = {counts = next_key(), leases = next_key()}
    subject.state = advanced(read(subject.counts))
    subjects[each] = subject
    for at = 2, #hold, 3 do
      local measure, limit, amount = hold[at], hold[at + 1], hold[at + 2]
      local used, when = 0, 0
      if measure == CONCURRENT then
        redis.call('ZREMRANGEBYSCORE', subject.leases, '-inf', milliseconds)
        used = redis.call('ZCARD', subject.leases)
      else
        used = subject.state[TOTAL[measure]]
      end
      if used + amount > limit then
        granted = false
        when = free(subject.state, measure, used + amount - limit)
      end
      counts[#counts + 1] = string.format('%.0f %.0f %.0f', used, when, newest(subject.state))
    end
  end
  if granted or force then
    for each, hold in ipairs(holds) do
      local subject = subjects[each]
      for at = 2, #hold, 3 do
        if hold[at] == CONCURRENT then
          redis.call('ZADD', subject.leases, milliseconds + lease, request)
          redis.call('PEXPIRE', subject.leases, lease)
        else
          add(subject.state, hold[at], hold[at + 2])
        end
      end
      redis.call('SET', subject.counts, cmsgpack.pack(subject.state), 'PX', hold[1])
    end
    if open > 0 then
      redis.call('SET', request, 1, 'PX', open)
    end
  end
  local head = string.format('%d %.0f ', granted and 1 or 0, second * 1000000 + tonumber(time[2]))
  return head .. table.concat(counts, ' ')
end

function operations.correct(at, subjects, leases)
  local request = next_key()
  local open = redis.call('DEL', request) == 1
  for _, differences in ipairs(subjects) do
    local key = next_key()
    local data = open and redis.call('GET', key)
    if data then
      local state = cmsgpack.unpack(data)
      for each = 1, #differences, 2 do
        correct(state, differences[each], differences[each + 1], at)
      end
      redis.call('SET', key, cmsgpack.pack(state), 'KEEPTTL')
    end
  end
  for _ = 1, leases do
    redis.call('ZREM', next_key(), request)
  end
  return ''
end

function operations.renew(lease, leases)
  local request = next_key()
  for _ = 1, leases do
    local key = next_key()
    redis.call('ZADD', key, milliseconds + lease, request)
    redis.call('PEXPIRE', key, lease)
  end
  return ''
end

local replies = {}
for each, operation in ipairs(cjson.decode(ARGV[1])) do
  replies[each] = operations[operation[1]](unpack(operation, 2))
end
return replies
