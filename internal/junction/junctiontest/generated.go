package junctiontest

import (
	"fmt"
	"strconv"
	"strings"
)

const generatedClientPrefix = "generated-user-"

// GeneratedUserID returns the ID of the generated user with the given index, counted from 0: a UUID that looks
// random and is always the same. Unless [WithGeneratedSources] is used, one in ten generated users (9, 19, …)
// has no source, one in ten (4, 14, …) has a source that fails, and all other sources are refreshed at once.
func GeneratedUserID(index int) string {
	// The first 32 bits are the index, scrambled in a way that can be undone; the rest is derived from them.
	a := scramble(uint32(index))
	b, c, d := scramble(a^0x5bd1e995), scramble(a^0x1b873593), scramble(a^0x85ebca6b)
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%04x%08x",
		a, b>>16, b&0xfff, 0x8000|c>>18, c&0xffff, d)
}

// GeneratedClientUserID returns the client_user_id of the generated user with the given index.
func GeneratedClientUserID(index int) string {
	return generatedClientPrefix + strconv.Itoa(index)
}

func generatedIndex(id string) (index int, ok bool) {
	a, err := strconv.ParseUint(id[:8], 16, 32)
	index = int(unscramble(uint32(a)))
	return index, err == nil && GeneratedUserID(index) == id
}

func generatedClientIndex(clientUserID string) (index int, ok bool) {
	digits, ok := strings.CutPrefix(clientUserID, generatedClientPrefix)
	index, err := strconv.Atoi(digits)
	return index, ok && err == nil && index >= 0 && GeneratedClientUserID(index) == clientUserID
}

// scramble and unscramble are inverse to each other: their multipliers are inverse modulo 2^32, and the shift by
// half a word is inverse to itself.
func scramble(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x9e3779b1
	return x ^ x>>16
}

func unscramble(x uint32) uint32 {
	x ^= x >> 16
	x *= 0x0e8b2f51
	return x ^ x>>16
}

func (s *userStore) generate(index int) User {
	return User{
		ID:           GeneratedUserID(index),
		ClientUserID: GeneratedClientUserID(index),
		Sources:      s.sourcesOf(index),
	}
}

func generatedSources(index int) []Source {
	switch index % 10 {
	case 9:
		return nil
	case 4:
		return []Source{{Name: "withings/body"}, {Name: "oura/sleep", Fails: true}}
	default:
		return []Source{{Name: "withings/body"}, {Name: "withings/sleep"}}
	}
}
