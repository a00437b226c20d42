package sensitive_test

import (
	"encoding/json"
	"fmt"

	"github.com/junction-refresh/junction-refresh/internal/sensitive"
)

// A configuration can be printed as a whole, and the key in it cannot be read.
func ExampleString() {
	config := struct {
		Environment string
		Key         sensitive.String
	}{"sandbox", sensitive.New("sk_us_0123456789")}

	fmt.Printf("%+v\n", config)
	encoded, _ := json.Marshal(config)
	fmt.Println(string(encoded))
	fmt.Println(config.Key.Redact("unknown key sk_us_0123456789"))
	fmt.Println(config.Key.Reveal()) // to send it
	// Output:
	// {Environment:sandbox Key:[redacted]}
	// {"Environment":"sandbox","Key":"[redacted]"}
	// unknown key [redacted]
	// sk_us_0123456789
}
