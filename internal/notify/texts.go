package notify

import "fmt"

// words are all that a message ever says.
type words struct {
	subject, short, long string
	codeSubject, code    string
}

func (w words) text(hub string) string {
	return fmt.Sprintf(w.long, hub+"/me/history", hub+"/me/notices")
}

var texts = map[string]words{
	"en": {
		subject: "Something happened with a consent of yours",
		short:   "Log in to see what it was.",
		long: "Something happened with a consent of yours. Log in to see what it was:\n%s\n\n" +
			"This message says no more on purpose. To hear in another way, or no more:\n%s\n",
		codeSubject: "Your code",
		code: "The code for getting messages at this address: %s\n\n" +
			"It is good for 30 minutes. If you did not ask for it at %s, do nothing.\n",
	},
	"ko": {
		subject: "회원님의 동의에 변동이 있습니다",
		short:   "로그인하여 확인하세요.",
		long: "회원님의 동의에 변동이 있습니다. 로그인하여 확인하세요.\n%s\n\n" +
			"이 메시지에는 일부러 다른 내용을 담지 않았습니다. 알림 방법을 바꾸거나 그만 받으려면:\n%s\n",
		codeSubject: "확인 코드",
		code: "이 주소로 알림을 받기 위한 코드: %s\n\n" +
			"30분 동안 유효합니다. %s 에서 요청하지 않으셨다면 무시하세요.\n",
	},
}
