package credential

import "encoding/json"

// DeviceOf is what Issued and Deferral keep of a wallet: its name, or its names by
// language, where "" is that for all others.
func DeviceOf(names map[string]string) string {
	distinct, one := map[string]bool{}, ""
	for _, name := range names {
		distinct[name], one = true, name
	}
	if len(distinct) < 2 {
		return one
	}
	text, err := json.Marshal(names) // sorted: equal names are equal texts
	if err != nil {
		panic("credential: " + err.Error()) // strings alone
	}
	return string(text)
}

// DeviceIn is the name that a citizen reads of what DeviceOf kept.
func DeviceIn(device, lang string) string {
	var names map[string]string
	if json.Unmarshal([]byte(device), &names) != nil {
		return device
	}
	for _, l := range []string{lang, "", "en", "ko"} {
		if names[l] != "" {
			return names[l]
		}
	}
	return device
}
