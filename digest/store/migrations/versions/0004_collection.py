"""pictures of pages, gaps of feeds, editors' marks, troubles."""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('feed', sa.Column('gap', sa.String(), nullable=True))
    op.add_column('feed', sa.Column('gap_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('article', sa.Column('page_asked_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('article', sa.Column('page_picture', sa.JSON(), nullable=True))
    op.add_column('article', sa.Column('sudden', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        'editor_mark',
        sa.Column('newsletter', sa.String(), nullable=False),
        sa.Column('article_id', sa.Integer(), nullable=False),
        sa.Column('pinned', sa.Boolean(), nullable=False),
        sa.Column('held', sa.Boolean(), nullable=False),
        sa.Column('place', sa.Integer(), nullable=True),
        sa.Column('by', sa.String(), nullable=False),
        sa.Column('at', sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(['article_id'], ['article.id'], name=op.f('fk_editor_mark_article_id_article')),
        sa.PrimaryKeyConstraint('newsletter', 'article_id', name=op.f('pk_editor_mark')),
        sqlite_with_rowid=False,
    )
    op.create_table(
        'trouble',
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('subject', sa.String(), nullable=False),
        sa.Column('since', sa.DateTime(timezone=True), nullable=False),
        sa.Column('next_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('told', sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint('key', name=op.f('pk_trouble')),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table('trouble')
    op.drop_table('editor_mark')
    op.drop_column('article', 'sudden')
    op.drop_column('article', 'page_picture')
    op.drop_column('article', 'page_asked_at')
    op.drop_column('feed', 'gap_at')
    op.drop_column('feed', 'gap')
