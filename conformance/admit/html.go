package admit

import (
	_ "embed"
	"html/template"
	"io"
	"strconv"

	"github.com/govmydata/mydata/conformance/report"
)

//go:embed page/report.html
var reportPage string

var page = template.Must(template.New("report").Parse(reportPage))

// texts of the report page, by language.
type texts struct {
	Title, Languages, Yes, No, Agency, Role, URL, At, Counts, Passed, Failed, Skipped, Sentence, Outcome, It, Clause string
	provider, consumer                                                                                               string
	parts                                                                                                            map[string]string
}

var both = map[string]texts{
	"en": {Title: "Admission of an agency", Languages: "Languages", Yes: "Everything that ran was passed.", No: "Not passed: see what failed.",
		Agency: "Agency", Role: "Role", URL: "Address", At: "When", Counts: "Cases", Passed: "passed", Failed: "failed", Skipped: "skipped",
		Sentence: "Each row finishes the sentence: the agency under test …", Outcome: "Outcome", It: "The agency …", Clause: "Prescribed by",
		provider: "gives data", consumer: "asks for data", parts: map[string]string{}},
	"ko": {Title: "기관 참여 적합성 시험", Languages: "언어", Yes: "실행한 모든 시험을 통과했습니다.", No: "통과하지 못했습니다. 실패한 항목을 확인하세요.",
		Agency: "기관", Role: "역할", URL: "주소", At: "시각", Counts: "시험 항목", Passed: "통과", Failed: "실패", Skipped: "제외",
		Sentence: "각 행은 ‘시험 대상 기관은 …’으로 시작하는 문장입니다.", Outcome: "결과", It: "시험 대상 기관은 …", Clause: "근거",
		provider: "데이터 제공", consumer: "데이터 이용", parts: map[string]string{
			partRelease: "제공", partToken: "토큰", partProof: "소지 증명", partRequest: "요청서와 조건", partNumber: "사용 회차",
			partPerson: "당사자", partInput: "잘못된 입력", partAll: "모든 응답", partAsk: "요청", partBack: "브라우저 복귀",
			partGrant: "동의와 토큰", partEvidence: "증명 자료", partAfter: "받은 뒤"}},
}

type row struct {
	Outcome                    report.Outcome
	Word, Name, Detail, Clause string
}

type part struct {
	ID, Title string
	Rows      []row
}

type half struct {
	Lang, Role string
	Text       texts
	Parts      []part
}

type view struct {
	Report
	OK                      bool
	Passed, Failed, Skipped int
	Lang                    string
	Text                    texts
	Halves                  []half
}

// WriteHTML writes one page that needs nothing else: in Korean and English,
// without a script, readable on paper.
func WriteHTML(w io.Writer, r Report) error {
	v := view{Report: r, OK: r.OK(), Passed: r.Count(report.Passed), Failed: r.Count(report.Failed), Skipped: r.Count(report.Skipped), Lang: "ko", Text: both["ko"]}
	for _, lang := range []string{"ko", "en"} {
		t := both[lang]
		h := half{Lang: lang, Role: map[string]string{"provider": t.provider, "consumer": t.consumer}[r.Role], Text: t}
		for _, each := range r.Results {
			title := titleOf(each.Part, t)
			if n := len(h.Parts); n == 0 || h.Parts[n-1].Title != title {
				h.Parts = append(h.Parts, part{ID: "part-" + strconv.Itoa(n+1), Title: title})
			}
			name := each.Name
			if lang == "ko" {
				name = each.Korean
			}
			at := &h.Parts[len(h.Parts)-1]
			at.Rows = append(at.Rows, row{each.Outcome, map[report.Outcome]string{report.Passed: t.Passed, report.Failed: t.Failed, report.Skipped: t.Skipped}[each.Outcome], name, each.Detail, each.Clause})
		}
		v.Halves = append(v.Halves, h)
	}
	return page.Execute(w, v)
}

func titleOf(name string, t texts) string {
	if own, ok := t.parts[name]; ok {
		return own
	}
	return name
}
