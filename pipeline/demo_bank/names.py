"""Chinese names of branches and managers."""

CITY = "江州"
_PLACES = (
    "城东", "城西", "城南", "城北", "滨江", "高新区", "开发区", "大学城", "中山路",
    "人民路", "解放路", "建设路",
    "金融街", "湖滨", "星湖", "东港", "西山", "南桥", "北苑", "新华路", "长江路", "黄河路", "文昌", "龙泉",
    "凤凰", "翠微", "望京", "银杏", "梅园", "桂花",
)  # fmt: skip
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋杜苏魏程"
_FIRST = "建国志明晓文嘉雅思子雨欣佳俊丽静海宏春秋玉美永立"
_SECOND = "华军伟强敏洁琳涵轩宇婷芳磊涛鹏飞杰颖慧萍峰勇霞燕"


def branch_name(number: int) -> str:
    """The name of the number-th branch; places repeat with 二, 三, … once they are used up."""
    place, again = _PLACES[number % len(_PLACES)], number // len(_PLACES)
    return f"{CITY}{place}{'' if again == 0 else f'第{again + 1}'}支行"


def person_name(draw: int) -> str:
    """A name from a large whole number; the same number gives the same name."""
    draw, surname = divmod(draw, len(_SURNAMES))
    draw, first = divmod(draw, len(_FIRST))
    draw, second = divmod(draw, len(_SECOND))
    return _SURNAMES[surname] + (_FIRST[first] if draw % 5 else "") + _SECOND[second]
