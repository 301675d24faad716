-- A drop's hash could be over the whole message, the payloads of good neighbours included, whose
-- erasure did not find it. Which hashes are so cannot be told: all go that may be. Those stay that
-- are over a message of which nothing was sealed, or over one intent whose id is known.

select set_config('mumega.audited', 'on', true);
update audit_chain_drops
   set payload_hash = sha256(uuid_send(gen_random_uuid()) || payload_hash)
 where reason not in ('the message is not UTF-8', 'the message is not JSON',
                      'the message has no list of intents', 'the message holds no intent',
                      'the message holds over 64 intents')
   and reason !~ '^its place in the chain .* was taken, \d+ times$'
   and payload_hash <> decode(repeat('00', 32), 'hex');
