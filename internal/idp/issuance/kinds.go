package issuance

import (
	"slices"
	"time"

	"github.com/govmydata/mydata/internal/account"
	"github.com/govmydata/mydata/pkg/credential"
)

// kind is one credential configuration of this issuer.
type kind struct {
	config  string // credential_configuration_id
	scope   string // of this one type alone (HAIP 1.0, 4.2)
	dataset string // credential_identifier: the person's one dataset of this kind
	vct     string // a path of this issuer when it begins with a slash
	message string // of its name, among the face's texts
	claims  []claim
	life    time.Duration
	made    func(account.Resident, time.Time) map[string]any
}

// claim of a kind, each selectively disclosable.
type claim struct {
	name      string
	mandatory bool // every credential of the kind has it
}

// cardLife is how long a card is good for.
const cardLife = 365 * 24 * time.Hour

// kinds that this issuer gives, in the order in which they are shown.
var kinds = []kind{
	{
		config: credential.ConfigResidentCard, scope: credential.ScopeResidentCard, dataset: "resident",
		vct: credential.VCTResidentCard, message: "issuance.card", life: cardLife, made: residentCard,
		claims: []claim{{"name", true}, {"family_name", true}, {"given_name", true}, {"birthdate", true}, {"age_over_19", true},
			{"address", false}, {"resident_number", true}},
	},
	{
		config: credential.ConfigAgeCard, scope: credential.ScopeAgeCard, dataset: "age",
		vct: "/types/age-card/1", message: "issuance.age", life: cardLife, made: ageCard,
		claims: []claim{{"age_over_19", true}},
	},
}

// kindOf a configuration.
func kindOf(config string) (kind, bool) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.config == config })
	if i < 0 {
		return kind{}, false
	}
	return kinds[i], true
}

// Gives says whether this issuer has a configuration of that name.
func Gives(config string) bool {
	_, ok := kindOf(config)
	return ok
}

// Scopes by which these credentials are asked for.
func Scopes() []string {
	var all []string
	for _, k := range kinds {
		all = append(all, k.scope)
	}
	return all
}

// residentCard is what the card says. An address that the register does not
// have is left out, so that its absence is no claim.
func residentCard(r account.Resident, now time.Time) map[string]any {
	card := map[string]any{
		"name": r.NameKo, "family_name": r.FamilyName, "given_name": r.GivenName, "birthdate": r.BirthDate,
		"resident_number": r.ResidentNumber, "age_over_19": adult(r.BirthDate, now),
	}
	if r.Address != "" {
		card["address"] = map[string]any{"formatted": r.Address} // OpenID Connect Core 1.0, 5.1.1
	}
	return card
}

// ageCard says one thing, so that nothing else can be asked of it.
func ageCard(r account.Resident, now time.Time) map[string]any {
	return map[string]any{"age_over_19": adult(r.BirthDate, now)}
}

// adult tells whether nineteen years have passed, by the calendar of Korea.
func adult(birthdate string, now time.Time) bool {
	born, err := time.ParseInLocation(time.DateOnly, birthdate, korea)
	return err == nil && !born.AddDate(19, 0, 0).After(now.In(korea))
}

var korea = time.FixedZone("KST", 9*60*60)
